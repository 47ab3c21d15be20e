import type { Book, Message } from "./book.ts";
import { payload } from "./payload.ts";
import type { Plan } from "./plan.ts";
import { pause, within } from "./wait.ts";

/** Sends message after message, one each interval, until the abort. */
export async function pace(
  { count, interval, size, seed }: Plan,
  book: Book,
  stop: AbortSignal,
  send: (bytes: Uint8Array, message: Message) => Promise<void>,
): Promise<void> {
  for (let seq = 1; seq <= count && !stop.aborted; seq++) {
    const bytes = payload(seed, seq, size);
    const due = performance.now() + interval;
    const message = book.begin();
    await send(bytes, message);
    if (seq === count) return;
    if (interval === 0) await within(message.settled, stop);
    else await pause(Math.max(0, due - performance.now()), stop);
  }
}
