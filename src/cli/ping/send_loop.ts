import type { PingOptions } from "./options.ts";
import { createPayload } from "./payload.ts";
import type { Message, PingStats } from "./stats.ts";

/** Signals that interrupt a run: `stop` aborts first, or both together. */
export interface ShutdownSignals {
  /** Ends the sending; replies in flight are still awaited. */
  readonly stop: AbortSignal;
  /** Ends all waiting. */
  readonly end: AbortSignal;
}

/** The longest delay that a timer supports, in milliseconds. */
const MAX_DELAY = 2 ** 31 - 1;

/** Sends one message per interval until all are sent or `stop` aborts. */
export async function sendLoop(
  { count, interval, size, seed }: PingOptions,
  stats: PingStats,
  stop: AbortSignal,
  send: (bytes: Uint8Array, message: Message) => Promise<void>,
): Promise<void> {
  for (let seq = 1; seq <= count && !stop.aborted; seq++) {
    const bytes = createPayload(seed, seq, size);
    const due = performance.now() + interval;
    const message = stats.sent();
    await send(bytes, message);
    if (seq === count) return;
    if (interval === 0) await finishesWithin(message.settled, stop);
    else await delay(Math.max(0, due - performance.now()), stop);
  }
}

/**
 * Waits for a promise until the time is over or the signal aborts; resolves
 * with whether the promise resolved first.
 */
export async function finishesWithin(
  promise: Promise<unknown>,
  signal: AbortSignal,
  ms: number = MAX_DELAY,
): Promise<boolean> {
  const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
  const giveUp = () => resolve(false);
  const timer = setTimeout(giveUp, ms);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Waits for this time, or until the signal aborts. */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  await finishesWithin(new Promise(() => {}), signal, ms);
}
