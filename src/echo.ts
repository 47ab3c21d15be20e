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
export type ServeEchoOptions =
  | ServeOptions
  | (ServeDatagramsOptions & { transport: "udp" });

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
export async function serveEcho<Options extends ServeEchoOptions>(
  options: Options,
): Promise<ServerOf<Options>> {
  const server = options?.transport === "udp"
    ? await serveDatagrams(options, (data) => data)
    : await serve(options as ServeOptions, echo);
  return server as ServerOf<Options>;
}
