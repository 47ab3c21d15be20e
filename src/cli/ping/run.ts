import { isUsageError } from "../program.ts";
import { pingDatagrams } from "./datagrams.ts";
import type { PingOptions } from "./options.ts";
import type { ShutdownSignals } from "./send_loop.ts";
import { type PingEvent, PingStats } from "./stats.ts";
import { pingStream } from "./stream.ts";

/** The result of a run. */
export interface PingResult {
  stats: PingStats;
  /** Milliseconds. */
  duration: number;
  /** Whether all messages came back intact, and nothing else did. */
  ok: boolean;
  /** The error that ended the run, or `undefined`. */
  error: unknown;
}

/**
 * Pings, and reports events as they come. Resolves with what ended the run, and
 * rejects for wrong arguments alone.
 */
export async function runPing(
  options: PingOptions,
  onEvent: (event: PingEvent, stats: PingStats) => void,
  signals: ShutdownSignals,
): Promise<PingResult> {
  const stats = new PingStats(
    options.timeout,
    (event) => onEvent(event, stats),
  );
  const { target } = options;
  let error: unknown;
  const start = performance.now();
  try {
    if (target.transport === "udp") {
      await pingDatagrams(options, target, stats, signals);
    } else await pingStream(options, target, stats, signals);
  } catch (reason) {
    if (isUsageError(reason)) throw reason;
    error = reason;
    stats.markAllLost("it broke off");
  }
  const { sent, received } = stats.counts;
  const ok = error === undefined && stats.intact && sent > 0 &&
    received === sent;
  return { stats, duration: performance.now() - start, ok, error };
}
