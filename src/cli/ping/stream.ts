import { connect, type Connection, formatAddress } from "../../../mod.ts";
import type { PingOptions, StreamTarget } from "./options.ts";
import { finishesWithin, sendLoop, type ShutdownSignals } from "./send_loop.ts";
import type { PingStats } from "./stats.ts";
import { StreamChecker } from "./stream_checker.ts";

/**
 * Sends messages on one connection, checks that they come back in order, and
 * that the server ends the connection after us. Rejects with the error of the
 * connection.
 */
export async function pingStream(
  options: PingOptions,
  target: StreamTarget,
  stats: PingStats,
  signals: ShutdownSignals,
): Promise<void> {
  const { timeout } = options;
  await using conn = await open(target, timeout, signals.stop);
  const peer = formatAddress(conn.remoteAddr);
  const checker = new StreamChecker(options, stats, peer);
  const receiveEnd = new AbortController();
  const end = AbortSignal.any([signals.end, receiveEnd.signal]);
  let ending = false;
  let sendStuck = false;
  let connError: unknown;

  const received = (async () => {
    try {
      for (let data; (data = await conn.recv()) !== null;) {
        checker.receive(data);
      }
      if (!ending) stats.badEnd(`${peer} ended the connection before we did`);
    } catch (error) {
      connError ??= error;
    } finally {
      receiveEnd.abort();
    }
  })();

  try {
    const stop = AbortSignal.any([signals.stop, receiveEnd.signal]);
    await sendLoop(options, stats, stop, async (bytes, message) => {
      checker.expect(message);
      const sent = await finishesWithin(conn.send(bytes), end, timeout);
      if (sent || end.aborted) return;
      sendStuck = true;
      throw new Error(
        `${peer} did not take ${options.size} bytes in ${timeout / 1000} s`,
      );
    });
    await finishesWithin(stats.settled(), end);
    ending = !end.aborted;
    if (ending) await finishesWithin(conn.closeWrite(), end, timeout);
  } catch (error) {
    // Thrown below, after the check of what was received before.
    connError ??= error;
  }

  const ended = !sendStuck &&
    await finishesWithin(received, signals.end, timeout);
  if (ended) checker.end();
  // Without an end, bytes may still be in flight, and are not missing.
  else checker.reportExtra();
  stats.markAllLost("no reply before the end");
  if (connError !== undefined) throw connError;
  if (ending && !ended) stats.badEnd(`${peer} did not end when we did`);
}

/** Connects within the timeout; its error names the target and the time. */
async function open(
  { name, connectOptions }: StreamTarget,
  timeout: number,
  stop: AbortSignal,
): Promise<Connection> {
  const late = new AbortController();
  const reason = new Error(`No connection to ${name} in ${timeout / 1000} s`);
  const timer = setTimeout(() => late.abort(reason), timeout);
  try {
    const signal = AbortSignal.any([stop, late.signal]);
    return await connect({ ...await connectOptions(), signal });
  } finally {
    clearTimeout(timer);
  }
}
