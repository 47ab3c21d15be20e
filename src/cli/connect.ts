// `parley connect`: measures connecting, sends nothing. The check of a port.
import process from "node:process";
import { connect } from "../../mod.ts";
import { escapeControls } from "../escape.ts";
import {
  type StreamTarget,
  type TargetFlags,
  targetFlags,
  toInteger,
  toMilliseconds,
  toStreamTarget,
} from "./ping/options.ts";
import { delay } from "./ping/send_loop.ts";
import { onShutdownSignals } from "./shutdown_signals.ts";

/** The flags of `connect`, for `parseArgs`. */
export const connectFlags = {
  count: { type: "string", short: "c", default: "1" },
  interval: { type: "string", short: "i", default: "1" },
  timeout: { type: "string", short: "W", default: "5" },
  ...targetFlags,
} as const;

interface ConnectFlags extends TargetFlags {
  count: string;
  interval: string;
  timeout: string;
}

/** Connects to each target, `count` times; resolves with whether all did. */
export async function connectAll(
  flags: ConnectFlags,
  names: string[],
): Promise<boolean> {
  if (names.length === 0) {
    throw new TypeError("Expected a TARGET, as 127.0.0.1:80");
  }
  const targets = names.map((name) => toStreamTarget(name, flags));
  const count = toInteger("count", flags.count, 1, Number.MAX_SAFE_INTEGER);
  const interval = toMilliseconds("interval", flags.interval, 0);
  const timeout = toMilliseconds("timeout", flags.timeout, 0.001);
  using signals = onShutdownSignals(Infinity);
  let ok = true;
  for (let i = 0; i < count && !signals.stop.aborted; i++) {
    if (i > 0) await delay(interval, signals.stop);
    const results = await Promise.all(
      targets.map((target) => connectOnce(target, timeout, signals.stop)),
    );
    ok &&= !results.includes(false);
  }
  return ok;
}

/** Prints the time to connect, or why that failed. */
async function connectOnce(
  { name, transport, connectOptions }: StreamTarget,
  timeout: number,
  signal: AbortSignal,
): Promise<boolean> {
  const start = performance.now();
  const print = (text: string) =>
    process.stdout.write(`${escapeControls(text)}\n`);
  try {
    const options = await connectOptions();
    await using _ = await connect({ ...options, timeout, signal });
    const time = (performance.now() - start).toFixed(3);
    print(`${name} open: ${transport} time=${time} ms`);
    return true;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    const code = error instanceof Error && "code" in error
      ? error.code
      : String(error);
    print(`${name} failed: ${code}`);
    return false;
  }
}
