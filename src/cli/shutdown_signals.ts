// SIGINT and SIGTERM: the first one stops a program, a second one at once.
import process from "node:process";
import { type Address, formatAddress } from "../../mod.ts";
import type { ShutdownSignals } from "./ping/send_loop.ts";

/** Time that clients of a server have after the first signal, in ms. */
const SERVER_GRACE = 5000;
/** Time that messages in flight have after the first signal, in ms. */
const CLIENT_GRACE = 1000;

/**
 * Prints the address of a server and serves until SIGINT or SIGTERM. Clients
 * get five seconds to finish; a second signal closes their connections.
 */
export async function serveUntilSignal(
  server: {
    addr: Address;
    finished: Promise<void>;
    shutdown(options: { timeout: number }): Promise<void>;
  },
  { cert }: { cert?: string },
  metricsUrl?: string,
): Promise<void> {
  let signals = 0;
  const stop = () => {
    const timeout = signals++ === 0 ? SERVER_GRACE : 0;
    // `finished` reports what fails.
    server.shutdown({ timeout }).catch(() => {});
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const { addr } = server;
  const kind = cert !== undefined
    ? "tls "
    : addr.transport === "udp"
    ? "udp "
    : "";
  console.log(`listening on ${kind}${formatAddress(addr)}`);
  if (metricsUrl !== undefined) console.log(`metrics on ${metricsUrl}`);
  await server.finished;
  process.off("SIGINT", stop).off("SIGTERM", stop);
}

/**
 * Turns SIGINT and SIGTERM into abort signals: the first aborts `stop`, a
 * second one, or a second later, aborts `end`. An error of standard output
 * aborts both, the deadline is as the first signal.
 *
 * @param deadline Milliseconds; may be `Infinity`.
 */
export function onShutdownSignals(
  deadline: number,
): ShutdownSignals & Disposable {
  const stop = new AbortController();
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onEnd = () => {
    stop.abort(new Error("Interrupted"));
    end.abort();
  };
  const stopBy = (reason: string) => {
    stop.abort(new Error(reason));
    timer = setTimeout(onEnd, CLIENT_GRACE);
  };
  const onSignal = () => {
    clearTimeout(timer);
    if (stop.signal.aborted) return onEnd();
    stopBy("Interrupted");
  };
  if (deadline !== Infinity) {
    const reason = `Not done in ${deadline / 1000} s`;
    timer = setTimeout(() => stopBy(reason), deadline);
  }
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  process.stdout.on("error", onEnd);
  return {
    stop: stop.signal,
    end: end.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      process.stdout.off("error", onEnd);
      // The signals stay handled: one more must not cut off the summary.
    },
  };
}
