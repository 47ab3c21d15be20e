import {
  serveDatagrams,
  type ServeDatagramsOptions,
  type ServerOf,
} from "./serve_datagrams.ts";
import { serve } from "./serve.ts";
import type { ServeOptions } from "./server.ts";
import type { Connection } from "../socket.ts";

/**
 * The handler that sends back every byte until the peer ends (RFC 862), and
 * then ends its own side. It rejects as {@linkcode Connection.pipeTo} does.
 *
 * @param conn The connection.
 *
 * @example After a banner
 * ```ts
 * import { echo, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send("hi\n");
 *   await echo(conn);
 * });
 * console.log(server.addr.port);
 * ```
 */
export function echo(conn: Connection): Promise<void> {
  return conn.pipeTo(conn);
}

/**
 * Where to serve {@linkcode echo}, and the limits: those of {@linkcode serve}
 * for a stream, those of {@linkcode serveDatagrams} with `transport: "udp"`.
 *
 * @example One flag for both
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
 */
export type ServeEchoOptions<
  Transport extends "tcp" | "unix" | "udp" = "tcp" | "unix" | "udp",
> = {
  tcp: ServeOptions<"tcp">;
  unix: ServeOptions<"unix">;
  udp: ServeDatagramsOptions & { transport: "udp" };
}[Transport];

/**
 * Serves {@linkcode echo}, on any transport. Over UDP each datagram is sent
 * back, within the limits of the loop guard.
 *
 * Rejects like {@linkcode serve} or {@linkcode serveDatagrams}.
 *
 * @param options Where, and the limits.
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
 */
export async function serveEcho<
  Transport extends "tcp" | "unix" | "udp" = "tcp",
>(
  options: ServeEchoOptions<Transport> & { transport?: Transport },
): Promise<ServerOf<Transport>> {
  // One of the three, so that its transport tells which.
  const where: ServeEchoOptions = options;
  const server = where?.transport === "udp"
    ? await serveDatagrams(where, (data) => data)
    : await serve(where, echo);
  return server as ServerOf<Transport>;
}
