import process from "node:process";
import type { DatagramServer } from "./datagram_server.ts";
import type { Server } from "./server.ts";

/** Milliseconds for the clients to finish after the first signal. */
const GRACE = 5000;

/**
 * Serves until SIGINT (Ctrl+C) or SIGTERM: the last call of a program that is a
 * server. The first signal stops accepting and aborts the handlers' `signal`,
 * as {@linkcode Server.shutdown} does; clients then have five seconds to finish.
 * A second signal closes their connections at once. Prints nothing.
 *
 * Given the promise of a server, it handles signals from the start on: one that
 * arrives earlier stops the server once it listens.
 *
 * Resolves or rejects as {@linkcode Server.finished} does, whatever stopped the
 * server; from then on, signals end the process as before. Rejects with
 * `TypeError` if the argument is not a server, and like the promise.
 *
 * @param server The server, or the promise of it.
 *
 * @example A program that is a server
 * ```ts
 * import { echo, formatAddress, serve, serveUntilSignal } from "@parley/echo";
 *
 * await serveUntilSignal(serve({
 *   port: 0,
 *   signal: AbortSignal.timeout(1000), // without it: until Ctrl+C
 *   onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
 * }, echo));
 * ```
 *
 * @category Serve
 */
export async function serveUntilSignal(
  server: Server | DatagramServer | Promise<Server | DatagramServer>,
): Promise<void> {
  let running: Server | DatagramServer | undefined;
  let signals = 0;
  const stop = () => {
    const timeout = signals++ === 0 ? GRACE : 0;
    // `finished` reports what fails.
    running?.shutdown({ timeout }).catch(() => {});
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    running = await server;
    if (typeof running?.shutdown !== "function") {
      throw new TypeError("Invalid server: expected what serve returns");
    }
    if (signals > 0) stop();
    await running.finished;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}
