import { StreamServer } from "./accept_loop.ts";
import { pickOptions } from "../net/own_options.ts";
import { isUnix, ownListen } from "../net/validate.ts";
import {
  checkFunctions,
  checkNumber,
  checkSignal,
} from "../net/validate_values.ts";
import { TCP_LISTEN, UNIX_LISTEN } from "../net/option_keys.ts";
import { TCP_SERVER, UNIX_SERVER } from "./option_keys.ts";
import { listen } from "../open.ts";
import type { Handler, Server, ServerOptions } from "./server.ts";
import type {
  Address,
  AddressOf,
  Listener,
  ListenOptions,
  TcpListenOptions,
  UnixListenOptions,
} from "../socket.ts";

/**
 * Listens, and runs a handler for each connection, concurrently. A handler that
 * throws ends only its own connection, see {@linkcode Handler}.
 *
 * The options are those of {@linkcode listen}, `maxConnections`,
 * `maxConnectionsPerHost`, `idleTimeout`, `filter`, `signal`, and the callbacks
 * `onListen`, `onConnect`, `onDisconnect`, `onReject` and `onError`
 * ({@linkcode ServerOptions}).
 *
 * Rejects like {@linkcode listen}, with `signal.reason` when aborted before it
 * is ready, and with what `onListen` throws.
 *
 * @param options Where to listen, limits and callbacks.
 * @param handler Serves one connection.
 * @returns The running server.
 *
 * @example Usage
 * ```ts
 * import { connect, formatAddress, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send(`Your address is ${formatAddress(conn.remoteAddr)}\n`);
 * });
 * await using client = await connect({ port: server.addr.port });
 * console.log(await new Response(client.readable).text());
 * ```
 *
 * @example Limits and callbacks of a public server
 * ```ts
 * import { echo, formatAddress, serve } from "@parley/echo";
 *
 * await using server = await serve({
 *   port: 0,
 *   maxConnections: 1000,
 *   maxConnectionsPerHost: 10,
 *   idleTimeout: 30_000,
 *   filter: (addr) => addr.transport === "tcp" && addr.hostname !== "192.0.2.1",
 *   onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
 *   onDisconnect: ({ remoteAddr, bytesSent, duration, error }) => {
 *     const text = `${bytesSent} bytes in ${Math.round(duration)} ms`;
 *     console.log(formatAddress(remoteAddr), text, error ?? "");
 *   },
 *   onError: (error, conn) =>
 *     console.error(formatAddress(conn.remoteAddr), error),
 * }, echo);
 * console.log(server.stats().active); // 0
 * ```
 *
 * @category Serve
 */
export async function serve<
  Transport extends "tcp" | "unix" | undefined = undefined,
>(
  options: ListenOptions<Transport> & ServerOptions & {
    transport?: Transport;
  },
  handler: Handler,
): Promise<Server<AddressOf<Transport>>> {
  // The compiler narrows a union by `transport`, but not a generic type.
  const given: ListenOptions & ServerOptions = options;
  const own = ownListen<
    TcpListenOptions & ServerOptions,
    UnixListenOptions & ServerOptions
  >("serve", given, TCP_SERVER, UNIX_SERVER);
  checkServe(own, handler);
  own.signal?.throwIfAborted();
  const where = isUnix(own)
    ? pickOptions<UnixListenOptions>(own, UNIX_LISTEN)
    : pickOptions<TcpListenOptions>(own, TCP_LISTEN);
  const listener = await listen(where) as Listener<
    AddressOf<Transport>,
    Address
  >;
  const server = new StreamServer(listener, own, handler);
  try {
    own.signal?.throwIfAborted();
    await own.onListen?.(listener.addr);
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
  "onReject",
  "onError",
] as const;

function checkServe(options: ServerOptions, handler: Handler): void {
  if (typeof handler !== "function") {
    throw new TypeError(`Invalid handler "${handler}": expected a function`);
  }
  checkSignal(options.signal);
  const { maxConnections, maxConnectionsPerHost, idleTimeout } = options;
  checkFunctions(options, CALLBACKS);
  checkNumber("maxConnections", maxConnections ?? 1, 1);
  checkNumber("maxConnectionsPerHost", maxConnectionsPerHost ?? 1, 1);
  checkNumber("idleTimeout", idleTimeout ?? 0, 0);
}
