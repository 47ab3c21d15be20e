import { listen } from "./open.ts";
import { checkFunctions, checkNumber, checkOptions } from "./check.ts";
import { StreamServer } from "./server.ts";
import type {
  Address,
  AddressOf,
  Connection,
  ListenOptions,
} from "./socket.ts";

/** What a handler is told beside its connection. */
export interface HandlerContext {
  /** Aborts when the server begins to shut down. */
  readonly signal: AbortSignal;
}

/**
 * What a server does with one connection. When it returns, the connection is
 * ended in an orderly way; when it throws, it is closed, and only that one.
 *
 * @example
 * ```ts
 * import { echo, type Handler } from "@parley/echo";
 *
 * const banner: Handler = async (conn) => {
 *   await conn.send("Welcome\n");
 *   await echo(conn);
 * };
 * ```
 */
export type Handler = (
  conn: Connection,
  context: HandlerContext,
) => Promise<void> | void;

/** How a connection went, for {@linkcode ServerOptions.onDisconnect}. */
export interface ConnectionSummary {
  /** The peer. */
  remoteAddr: Address;
  /** Bytes received, those after the handler's end included. */
  bytesReceived: number;
  /** Bytes sent. */
  bytesSent: number;
  /** Milliseconds from accept to close. */
  duration: number;
  /** What ended it before its time: the handler's error, or `ETIMEDOUT`. */
  error?: unknown;
}

/** Options of {@linkcode serve} beside where to listen. */
export interface ServerOptions {
  /**
   * Connections served at once, 16384 unless given: when all are idle, about
   * 40 MB on Bun and 150 MB on Deno. The excess waits in the listen queue.
   */
  maxConnections?: number;
  /**
   * Connections served at once for one IP, the excess is closed. No limit
   * unless given: behind a load balancer all clients share an address, but for
   * one with `proxyProtocol`.
   */
  maxConnectionsPerHost?: number;
  /**
   * Milliseconds without a byte either way, after which a connection is
   * closed: 300,000 unless given, about as long as load balancers keep one; 0
   * for ever. A peer that does not read counts as idle once the kernel's
   * buffers are full.
   */
  idleTimeout?: number;
  /** Whether to serve this peer; the others are closed at once. */
  filter?: (remoteAddr: Address) => boolean | Promise<boolean>;
  /** Stops the server and closes what is open. */
  signal?: AbortSignal;
  /** Called once, when the server is ready, with the real address. */
  onListen?: (addr: Address) => void | Promise<void>;
  /** Called for each connection before its handler. */
  onConnect?: (conn: Connection) => void | Promise<void>;
  /** Called for each connection after its end. */
  onDisconnect?: (summary: ConnectionSummary) => void | Promise<void>;
  /**
   * Called with what a handler or a callback threw. Unless given, everything
   * but a `SocketError`, which any peer can cause, goes to `console.error`.
   */
  onError?: (error: unknown, conn: Connection) => void | Promise<void>;
}

/** Options of {@linkcode serve}. */
export type ServeOptions = ListenOptions & ServerOptions;

/** What a server has done so far, see {@linkcode Server.stats}. */
export interface ServerStats {
  /** Connections open now. */
  active: number;
  /** Connections handed to the handler, ever. */
  accepted: number;
  /** Connections closed by `filter` or `maxConnectionsPerHost`. */
  rejected: number;
  /** Bytes received on all connections. */
  bytesReceived: number;
  /** Bytes sent on all connections. */
  bytesSent: number;
}

/** Options of {@linkcode Server.shutdown}. */
export interface ShutdownOptions {
  /** Milliseconds for the handlers to finish; without it, as long as it takes. */
  timeout?: number;
}

/** A running server. `await using` shuts it down with a second's grace. */
export interface Server<A extends Address = Address> extends AsyncDisposable {
  /** The bound address. */
  readonly addr: A;
  /** Resolves when the server has stopped and no connection is left. */
  readonly finished: Promise<void>;
  /**
   * Stops accepting, tells the handlers through their `signal`, lets them
   * finish, and after `timeout` closes what is left; resolves when nothing is.
   * A second call may shorten the time.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /** Live counters. */
  stats(): ServerStats;
}

/**
 * Listens, and runs a handler for every connection, many at once.
 *
 * Rejects like {@linkcode listen}.
 *
 * @param options Where to listen, and the limits.
 * @param handler What to do with a connection.
 * @returns The running server.
 *
 * @example
 * ```ts
 * import { serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send(`You are ${JSON.stringify(conn.remoteAddr)}\n`);
 * });
 * console.log(server.addr);
 * ```
 */
export async function serve<Options extends ServeOptions>(
  options: Options,
  handler: Handler,
): Promise<Server<AddressOf<Options>>> {
  checkServe(options, handler);
  options.signal?.throwIfAborted();
  const listener = await listen(options);
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
