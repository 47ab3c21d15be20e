import { StreamServer } from "./accept_loop.ts";
import { checkFunctions, checkNumber, checkOptions } from "../net/validate.ts";
import { listen } from "../open.ts";
import type { Handler, ServeOptions, Server } from "./server.ts";
import type { AddressOf } from "../socket.ts";

/**
 * Listens, and runs a handler for every connection, many at once. A handler
 * that throws ends its own connection only, see {@linkcode Handler}.
 *
 * Rejects like {@linkcode listen}, with `signal.reason` when aborted before it
 * is ready, and with what `onListen` throws.
 *
 * @param options Where to listen, and the limits.
 * @param handler What to do with a connection.
 * @returns The running server.
 *
 * @example Tells clients who they are
 * ```ts
 * import { connect, formatAddress, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send(`You are ${formatAddress(conn.remoteAddr)}\n`);
 * });
 * await using client = await connect({ port: server.addr.port });
 * console.log(await new Response(client.readable).text());
 * ```
 */
export async function serve<Transport extends "tcp" | "unix" = "tcp">(
  options: ServeOptions<Transport> & { transport?: Transport },
  handler: Handler,
): Promise<Server<AddressOf<Transport>>> {
  checkServe(options, handler);
  options.signal?.throwIfAborted();
  const listener = await listen<Transport>(options);
  const server = new StreamServer(listener, options, handler);
  try {
    options.signal?.throwIfAborted();
    await options.onListen?.(listener.addr);
  } catch (error) {
    await server.shutdown({ timeout: 0 });
    throw error;
  }
  return server;
}

const CALLBACKS = [
  "filter",
  "onListen",
  "onConnect",
  "onDisconnect",
  "onError",
] as const;

function checkServe(options: ServeOptions, handler: Handler): void {
  if (typeof handler !== "function") {
    throw new TypeError(`Invalid handler "${handler}": expected a function`);
  }
  checkOptions(options);
  const { maxConnections, maxConnectionsPerHost, idleTimeout } = options;
  checkFunctions(options, CALLBACKS);
  checkNumber("maxConnections", maxConnections ?? 1, 1);
  checkNumber("maxConnectionsPerHost", maxConnectionsPerHost ?? 1, 1);
  checkNumber("idleTimeout", idleTimeout ?? 0, 0);
}
