import { connect, type Connection, formatAddress } from "../../mod.ts";
import type { Book } from "./book.ts";
import type { Halt } from "./halt.ts";
import { pace } from "./pace.ts";
import type { Plan, StreamTarget } from "./plan.ts";
import { Slots } from "./slots.ts";
import { within } from "./wait.ts";

/**
 * Sends messages on one connection, and checks that they come back, in order,
 * and that after them the other side ends when we do. Rejects with what broke
 * the connection.
 */
export async function pingStream(
  plan: Plan,
  target: StreamTarget,
  book: Book,
  halt: Halt,
): Promise<void> {
  const { timeout } = plan;
  await using conn = await open(target, timeout, halt.stop);
  const peer = formatAddress(conn.remoteAddr);
  const slots = new Slots(plan, book, peer);
  const over = new AbortController();
  const hurry = AbortSignal.any([halt.end, over.signal]);
  let ending = false;
  let stuck = false;
  let broken: unknown;

  const received = (async () => {
    try {
      for (let data; (data = await conn.recv()) !== null;) slots.take(data);
      if (!ending) book.badEnd(`${peer} ended the connection before we did`);
    } catch (error) {
      broken ??= error;
    } finally {
      over.abort();
    }
  })();

  try {
    const stop = AbortSignal.any([halt.stop, over.signal]);
    await pace(plan, book, stop, async (bytes, message) => {
      slots.owe(message);
      const taken = await within(conn.send(bytes), hurry, timeout);
      if (taken || hurry.aborted) return;
      stuck = true;
      throw new Error(
        `${peer} did not take ${plan.size} bytes in ${timeout / 1000} s`,
      );
    });
    await within(book.settled(), hurry);
    ending = !hurry.aborted;
    if (ending) await within(conn.closeWrite(), hurry, timeout);
  } catch (error) {
    // What came before the fault still counts.
    broken ??= error;
  }

  const ended = !stuck && await within(received, halt.end, timeout);
  if (ended) slots.end();
  // What is still under way is not missing.
  else slots.tellExtra();
  book.loseAll("no reply before the end");
  if (broken !== undefined) throw broken;
  if (ending && !ended) book.badEnd(`${peer} did not end when we did`);
}

/** Connects, in the time that a reply has. */
async function open(
  { name, options }: StreamTarget,
  timeout: number,
  stop: AbortSignal,
): Promise<Connection> {
  const late = new AbortController();
  const reason = new Error(`No connection to ${name} in ${timeout / 1000} s`);
  const timer = setTimeout(() => late.abort(reason), timeout);
  try {
    const signal = AbortSignal.any([stop, late.signal]);
    return await connect({ ...options(), signal });
  } finally {
    clearTimeout(timer);
  }
}
