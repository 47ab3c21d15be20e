import type { DatagramServerOptions } from "./datagram_server.ts";
import { isUdp } from "../net/validate.ts";
import { serve } from "./serve.ts";
import { sendBack, serveDatagrams } from "./serve_datagrams.ts";
import type { ServerOf, ServerOptions } from "./server.ts";
import type { BindOptions, Connection, ListenOptions } from "../socket.ts";

/**
 * Sends back every byte until the peer ends its side (RFC 862), then ends its
 * own: a {@linkcode Handler}. Rejects like {@linkcode Connection.pipeTo}.
 *
 * @param conn The connection.
 *
 * @example Echo after a banner
 * ```ts
 * import { echo, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send("hi\n");
 *   await echo(conn);
 * });
 * console.log(server.addr.port);
 * ```
 *
 * @category Serve
 */
export function echo(conn: Connection): Promise<void> {
  return conn.pipeTo(conn);
}

/**
 * Options of {@linkcode serveEcho}: the options of {@linkcode serve} or, with
 * `transport: "udp"`, of {@linkcode serveDatagrams}.
 *
 * @category Options
 */
export type ServeEchoOptions<
  Transport extends "tcp" | "unix" | "udp" | undefined = "tcp" | "unix" | "udp",
> = Transport extends "udp" ? BindOptions & DatagramServerOptions & {
    /** The transport. */
    transport: "udp";
  }
  : ListenOptions<Exclude<Transport, "udp">> & ServerOptions;

/**
 * Serves {@linkcode echo} on any transport. Over UDP, sends back each datagram,
 * within the limits of the loop guard.
 *
 * Rejects like {@linkcode serve} or {@linkcode serveDatagrams}.
 *
 * @param options Where to listen, limits and callbacks.
 * @returns The running server.
 *
 * @example Over UDP
 * ```ts
 * import { bind, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ transport: "udp", port: 0 });
 * await using socket = await bind({ port: 0 });
 * await socket.sendTo("ping", server.addr);
 * const [data] = await socket.recvFrom();
 * console.log(new TextDecoder().decode(data)); // ping
 * ```
 *
 * @example The transport as a command line flag
 * ```ts
 * import { serveEcho, type ServeEchoOptions } from "@parley/echo";
 * import process from "node:process";
 *
 * const port = 0;
 * const options: ServeEchoOptions = process.argv.includes("--udp")
 *   ? { transport: "udp", port }
 *   : { port, idleTimeout: 60_000 };
 * await using server = await serveEcho(options);
 * console.log(server.addr);
 * ```
 *
 * @category Serve
 */
export async function serveEcho<
  Transport extends "tcp" | "unix" | "udp" | undefined = undefined,
>(
  options: ServeEchoOptions<Transport> & { transport?: Transport },
): Promise<ServerOf<Transport>> {
  // The compiler narrows a union by `transport`, but not a generic type.
  const union: ServeEchoOptions = options;
  const server = isUdp(union)
    ? await serveDatagrams(union, sendBack)
    : await serve(union, echo);
  return server as ServerOf<Transport>;
}
