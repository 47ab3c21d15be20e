import {
  serveDatagrams,
  type ServeDatagramsOptions,
  type ServerOf,
} from "./datagrams.ts";
import { serve, type ServeOptions } from "./serve.ts";
import type { Connection } from "./socket.ts";

/**
 * The handler that sends back every byte until the peer ends (RFC 862).
 *
 * @param conn The connection.
 *
 * @example
 * ```ts
 * import { echo, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send("hi\n");
 *   await echo(conn);
 * });
 * ```
 */
export function echo(conn: Connection): Promise<void> {
  return conn.pipeTo(conn);
}

/**
 * Where to serve {@linkcode echo}, and the limits: those of {@linkcode serve}
 * for a stream, those of {@linkcode serveDatagrams} with `transport: "udp"`.
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
 * Rejects like {@linkcode listen} or {@linkcode bind}.
 *
 * @param options Where, and the limits.
 * @returns The running server.
 *
 * @example
 * ```ts
 * import { serveEcho } from "@parley/echo";
 *
 * await using tcp = await serveEcho({ port: 0 });
 * await using udp = await serveEcho({ transport: "udp", port: 0 });
 * console.log(tcp.addr, udp.addr);
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
