// SIGINT and SIGTERM: the first one stops a program, a second one at once.
import process from "node:process";
import {
  type DatagramServer,
  formatAddress,
  type Server,
  serveUntilSignal as serve,
} from "../../mod.ts";
import { logEvent } from "./client_log.ts";
import type { ShutdownSignals } from "./ping/send_loop.ts";

/** Seconds that clients of a server have after the first signal. */
const SERVER_GRACE = 5;
/** Time in which clients that are about to end do so, in ms. */
const NOTICE_DELAY = 100;
/** Time that messages in flight have after the first signal, in ms. */
const CLIENT_GRACE = 1000;

/**
 * Prints the address of a server, and that of its metrics, and serves until
 * SIGINT or SIGTERM. Prints then how many clients the shutdown waits for.
 */
export async function serveUntilSignal(
  server: Server | DatagramServer,
  { cert, json = false }: { cert?: string; json?: boolean },
  metricsUrl?: string,
): Promise<void> {
  let notice: ReturnType<typeof setTimeout> | undefined;
  const onSignal = () => {
    notice ??= setTimeout(logWait, NOTICE_DELAY, server, json);
  };
  // Signals that a reader of the line sends must be handled by then.
  const served = serve(server);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const { addr } = server;
  const secure = cert === undefined ? "" : "tls ";
  const kind = addr.transport === "udp" ? "udp " : secure;
  console.log(`listening on ${kind}${formatAddress(addr)}`);
  if (metricsUrl !== undefined) console.log(`metrics on ${metricsUrl}`);
  try {
    await served;
  } finally {
    clearTimeout(notice);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** Prints what the server waits for; datagrams have no clients to wait for. */
function logWait(server: Server | DatagramServer, json: boolean): void {
  const stats = server.stats();
  const count = "active" in stats ? stats.active : 0;
  if (count === 0) return;
  const [clients, them] = count === 1
    ? ["1 client", "it"]
    : [`${count} clients`, "them"];
  const text = `waiting up to ${SERVER_GRACE} s for ${clients}; ` +
    `Ctrl+C again closes ${them}`;
  logEvent({ event: "shutdown", count, text }, json);
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
