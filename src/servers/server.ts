import type { Address, Connection, ListenOptions } from "../socket.ts";

/**
 * What a handler is told beside its connection.
 *
 * @example Stops waiting when the server does
 * ```ts
 * import { connect, serve } from "@parley/echo";
 *
 * const server = await serve({ port: 0 }, async (conn, { signal }) => {
 *   while (await conn.recv(65536, { signal }) !== null) await conn.send("ok");
 * });
 * const client = await connect({ port: server.addr.port });
 * await client.send("x");
 * await client.recv(); // ok
 * const ended = client.recv().then(() => client.close());
 * await Promise.all([server.shutdown(), ended]);
 * ```
 */
export interface HandlerContext {
  /**
   * Aborts when the server begins to shut down. A handler that throws its
   * `reason` is through as if it had returned.
   */
  readonly signal: AbortSignal;
}

/**
 * What a server does with one connection. When it returns, the connection is
 * ended in an orderly way: what was sent arrives, and what the peer still says
 * is read, for about five seconds and at most 4 MiB. When it throws, the
 * connection is closed, and only that one.
 *
 * @example Handlers compose
 * ```ts
 * import { echo, formatAddress, type Handler, serve } from "@parley/echo";
 *
 * const logged = (handler: Handler): Handler => async (conn, context) => {
 *   console.log(`${formatAddress(conn.remoteAddr)} came`);
 *   await handler(conn, context);
 *   console.log(`${formatAddress(conn.remoteAddr)} is served`);
 * };
 *
 * await using server = await serve({ port: 0 }, logged(echo));
 * console.log(formatAddress(server.addr));
 * ```
 */
export type Handler = (
  conn: Connection,
  context: HandlerContext,
) => Promise<void> | void;

/**
 * How a connection went, for {@linkcode ServerOptions.onDisconnect}.
 *
 * @example A log of who was served
 * ```ts
 * import { connect, formatAddress, serveEcho } from "@parley/echo";
 * import type { ConnectionSummary } from "@parley/echo";
 *
 * function log({ remoteAddr, bytesSent, duration, error }: ConnectionSummary) {
 *   const text = `${bytesSent} bytes in ${Math.round(duration)} ms`;
 *   console.log(formatAddress(remoteAddr), text, error ?? "");
 * }
 *
 * await using server = await serveEcho({ port: 0, onDisconnect: log });
 * await using client = await connect({ port: server.addr.port });
 * await client.send("hello");
 * await client.recv();
 * ```
 */
export interface ConnectionSummary {
  /** The peer. */
  remoteAddr: Address;
  /** Bytes received, those after the handler's end included. */
  bytesReceived: number;
  /** Bytes sent. */
  bytesSent: number;
  /** Milliseconds from accept to close, with a fraction. */
  duration: number;
  /**
   * What ended it before its time: what the handler threw, or an `ETIMEDOUT`
   * where it was idle. Absent otherwise, as after a shutdown.
   */
  error?: unknown;
}

/**
 * Options of {@linkcode serve} beside where to listen.
 *
 * @example Limits for a public server
 * ```ts
 * import { formatAddress, serveEcho, type ServerOptions } from "@parley/echo";
 *
 * const limits: ServerOptions = {
 *   maxConnections: 1000,
 *   maxConnectionsPerHost: 10,
 *   idleTimeout: 30_000,
 *   onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
 *   onError: (error, conn) =>
 *     console.error(formatAddress(conn.remoteAddr), error),
 * };
 * await using _server = await serveEcho({ port: 0, ...limits });
 * ```
 */
export interface ServerOptions {
  /**
   * Connections served at once, at least 1; 16384 unless given: when all are
   * idle, about 35 MB on Bun and 135 MB on Deno. The excess waits in the listen
   * queue.
   */
  maxConnections?: number;
  /**
   * Connections served at once for one IP, at least 1; the excess is closed.
   * No limit unless given: behind a load balancer all clients share an address,
   * but for one with `proxyProtocol`. Unix sockets have no IP, and no such limit.
   */
  maxConnectionsPerHost?: number;
  /**
   * Milliseconds without a byte either way, after which a connection is
   * closed: 300,000 unless given, about as long as load balancers keep one; 0
   * for ever. It may come up to two seconds late. A peer that does not read
   * counts as idle once the kernel's buffers are full. The handler's calls then
   * reject with `EBADF`, and `onDisconnect` is told `ETIMEDOUT`.
   */
  idleTimeout?: number;
  /**
   * Whether to serve this peer; the others are closed at once, as are those
   * for which it throws. Nobody waits for another one's verdict.
   */
  filter?: (remoteAddr: Address) => boolean | Promise<boolean>;
  /**
   * Stops the server and closes what is open, as `shutdown({ timeout: 0 })`
   * does. One that is aborted already rejects `serve` with `signal.reason`.
   */
  signal?: AbortSignal;
  /**
   * Called once, when the server is ready, with the real address. It is waited
   * for; when it throws, the server stops, and `serve` rejects with that.
   */
  onListen?: (addr: Address) => void | Promise<void>;
  /** Called for each connection before its handler, which does not wait. */
  onConnect?: (conn: Connection) => void | Promise<void>;
  /** Called after the end of each connection that the handler got. */
  onDisconnect?: (summary: ConnectionSummary) => void | Promise<void>;
  /**
   * Called with what the handler, `filter`, `onConnect` or `onDisconnect`
   * threw. Unless given, everything but a `SocketError`, which any peer can
   * cause, goes to `console.error`, and so does what `onError` throws.
   */
  onError?: (error: unknown, conn: Connection) => void | Promise<void>;
}

/**
 * Options of {@linkcode serve}: where to listen, and the limits.
 *
 * @example Serves one network only
 * ```ts
 * import { connect, serve, type ServeOptions } from "@parley/echo";
 *
 * const options = {
 *   port: 0,
 *   filter: (addr) =>
 *     addr.transport === "tcp" && addr.hostname.startsWith("192.168."),
 * } satisfies ServeOptions;
 * await using server = await serve(options, (conn) => conn.send("Welcome\n"));
 *
 * await using stranger = await connect({ port: server.addr.port });
 * console.log(await stranger.recv()); // null
 * ```
 */
export type ServeOptions<
  Transport extends "tcp" | "unix" = "tcp" | "unix",
> = ListenOptions<Transport> & ServerOptions;

/**
 * What a server has done so far, see {@linkcode Server.stats}.
 *
 * @example
 * ```ts
 * import { connect, serveEcho, type ServerStats } from "@parley/echo";
 *
 * const line = ({ active, accepted, bytesSent }: ServerStats) =>
 *   `${active} of ${accepted} still here, ${bytesSent} bytes sent`;
 *
 * await using server = await serveEcho({ port: 0 });
 * await using client = await connect({ port: server.addr.port });
 * await client.send("hello");
 * await client.recv();
 * console.log(line(server.stats())); // 1 of 1 still here, 5 bytes sent
 * ```
 */
export interface ServerStats {
  /** Connections open now. */
  active: number;
  /** Connections handed to the handler, ever. */
  accepted: number;
  /** Connections closed by `filter` or `maxConnectionsPerHost`. */
  rejected: number;
  /** Bytes received on all connections, past and present. */
  bytesReceived: number;
  /** Bytes sent on all connections, past and present. */
  bytesSent: number;
}

/**
 * Options of {@linkcode Server.shutdown}.
 *
 * @example Some time to finish, but not for ever
 * ```ts
 * import { connect, serveEcho, type ShutdownOptions } from "@parley/echo";
 *
 * const server = await serveEcho({ port: 0 });
 * await using client = await connect({ port: server.addr.port });
 * await client.send("I stay");
 * await client.recv();
 * const patience: ShutdownOptions = { timeout: 100 };
 * await server.shutdown(patience);
 * console.log(server.stats().active, await client.recv()); // 0 null
 * ```
 */
export interface ShutdownOptions {
  /**
   * Milliseconds for the handlers to finish, 0 for none; without it, as long
   * as it takes.
   */
  timeout?: number;
}

/**
 * A running server. Leaving the scope of an `await using` shuts it down, with a
 * second's grace.
 *
 * @example Runs until it is told to stop
 * ```ts
 * import { serveEcho, type Server } from "@parley/echo";
 *
 * const stop = new AbortController();
 * const server: Server = await serveEcho({ port: 0, signal: stop.signal });
 * setTimeout(() => stop.abort(), 20); // or process.once("SIGINT", …)
 * await server.finished;
 * console.log(server.stats().accepted); // 0
 * ```
 */
export interface Server<A extends Address = Address> extends AsyncDisposable {
  /** The bound address, its port real even if 0 was asked for. */
  readonly addr: A;
  /**
   * Resolves when the server has stopped, its address is free, and no
   * connection is left.
   */
  readonly finished: Promise<void>;
  /**
   * Stops accepting, tells the handlers through their `signal`, lets them
   * finish, and after `timeout` closes what is left; resolves when nothing is.
   * A second call may shorten the time. Rejects with `RangeError` or
   * `TypeError` for a wrong `timeout`, and goes on serving.
   *
   * @param options How long to wait for the handlers.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /** The counters as they are now, in an object of their own. */
  stats(): ServerStats;
}
