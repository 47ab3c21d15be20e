import { serve, type ServeOptions, type Server } from "./serve.ts";
import type { AddressOf, Connection } from "./socket.ts";

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
export async function echo(conn: Connection): Promise<void> {
  await conn.pipeTo(conn);
}

/**
 * Serves {@linkcode echo}.
 *
 * @param options Where, and the limits, as for {@linkcode serve}.
 * @returns The running server.
 *
 * @example
 * ```ts
 * import { serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ port: 0 });
 * console.log(server.addr);
 * ```
 */
export function serveEcho<Options extends ServeOptions>(
  options: Options,
): Promise<Server<AddressOf<Options>>> {
  return serve(options, echo);
}
