import type { SocketError } from "../errors.ts";
import type { DatagramServer } from "./datagram_server.ts";
import type { Address, AddressOf, Connection } from "../socket.ts";

/**
 * The second argument of a {@linkcode Handler}.
 *
 * @category Serve
 */
export interface HandlerContext {
  /**
   * Aborts when the server starts to shut down. A handler that throws the
   * `reason` is treated as if it had returned.
   */
  readonly signal: AbortSignal;
}

/**
 * Serves one connection.
 *
 * After it returns, the connection ends in an orderly way: queued sends go out
 * for as long as the peer takes some, then the FIN, and what the peer still
 * sends is read and discarded, for about five seconds and at most 4 MiB. After
 * it throws, or once the peer has taken nothing for about five seconds, the
 * connection ends by {@linkcode Connection.reset}, so that no peer takes a part
 * of a reply for the whole. No other connection is affected.
 *
 * @example Compose handlers
 * ```ts
 * import { echo, formatAddress, type Handler, serve } from "@parley/echo";
 *
 * const logged = (handler: Handler): Handler => async (conn, context) => {
 *   console.log(`${formatAddress(conn.remoteAddr)} connected`);
 *   await handler(conn, context);
 *   console.log(`${formatAddress(conn.remoteAddr)} is served`);
 * };
 *
 * await using server = await serve({ port: 0 }, logged(echo));
 * console.log(formatAddress(server.addr));
 * ```
 *
 * @example Stop waiting when the server shuts down
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
 *
 * @category Serve
 */
export type Handler = (
  conn: Connection,
  context: HandlerContext,
) => Promise<void> | void;

/**
 * Summary of a closed connection, for {@linkcode ServerOptions.onDisconnect}.
 *
 * @category Serve
 */
export interface ConnectionSummary {
  /** The peer's address. */
  remoteAddr: Address;
  /** Bytes received, also after the handler finished. */
  bytesReceived: number;
  /** Bytes sent. */
  bytesSent: number;
  /** Milliseconds from accept to close, with a fraction. */
  duration: number;
  /**
   * The reason for an early end: what the handler threw, an `ETIMEDOUT` after
   * `idleTimeout` or when the peer took no more of the queued sends, or the
   * error that these met. Absent otherwise, as after a shutdown.
   */
  error?: unknown;
}

/**
 * Options of {@linkcode serve} in addition to {@linkcode ListenOptions}: limits
 * and callbacks.
 *
 * @category Options
 */
export interface ServerOptions {
  /**
   * Connections open at once, at least 1. Further ones wait in the listen
   * queue. With the default, idle connections take about 35 MB on Bun and
   * 135 MB on Deno.
   *
   * @default 16384
   */
  maxConnections?: number | undefined;
  /**
   * Connections open at once per peer IP, at least 1; further ones are closed.
   * `::ffff:192.0.2.1` counts as `192.0.2.1`.
   * Behind a load balancer without `proxyProtocol`, all clients share one IP.
   * Unix sockets have no IP and no such limit.
   *
   * @default Infinity
   */
  maxConnectionsPerHost?: number | undefined;
  /**
   * Milliseconds without a byte in either direction, after which a connection
   * is closed; 0 for never. The default is about as long as load balancers
   * keep an idle connection. The close may come up to two seconds late. A peer
   * that does not read counts as idle once the kernel's buffers are full. The
   * handler's calls then reject with `EBADF`, and the summary of `onDisconnect`
   * has an `ETIMEDOUT`. Sends that still wait end in a reset.
   *
   * @default 300000
   */
  idleTimeout?: number | undefined;
  /**
   * Returns whether to serve this peer. The connection is closed otherwise, and
   * when the filter throws. A pending filter delays no other connection.
   *
   * An IP has one form here: the IPv4 address of a peer that a socket on `::`
   * shows as `::ffff:192.0.2.1` is `192.0.2.1`.
   */
  filter?: ((remoteAddr: Address) => boolean | Promise<boolean>) | undefined;
  /**
   * Stops the server and closes what is open, like `shutdown({ timeout: 0 })`.
   * If it is aborted already, `serve` rejects with `signal.reason`.
   */
  signal?: AbortSignal | undefined;
  /**
   * Called once with the bound address, when the server is ready. `serve` waits
   * for it; when it throws, the server stops and `serve` rejects with that
   * error.
   */
  onListen?: ((addr: Address) => void | Promise<void>) | undefined;
  /** Called before the handler of each connection, which does not wait for it. */
  onConnect?: ((conn: Connection) => void | Promise<void>) | undefined;
  /** Called after the end of each connection for which the handler was called. */
  onDisconnect?:
    | ((summary: ConnectionSummary) => void | Promise<void>)
    | undefined;
  /**
   * Called for each connection that is closed before the handler, with the
   * peer's address, in the form that `filter` gets, and the reason:
   *
   * | code | reason |
   * | --- | --- |
   * | `EACCES` | the `filter` refused it, or it is no trusted proxy |
   * | `EAGAIN` | `maxConnectionsPerHost`; the `backlog` is full, on Bun and Node.js; 511 later handshakes are pending |
   * | `EPROTO` | the TLS handshake failed; the PROXY header is malformed or missing |
   * | `ETIMEDOUT` | 10 s were too few for the TLS handshake or PROXY header |
   * | `EMFILE` | no descriptor is left, on Bun |
   *
   * A peer beyond `maxConnections` waits and is not rejected, and those that
   * the kernel refuses, or that a shutdown closes, are not reported. Anybody
   * can cause these, so limit what you log. What it throws is printed.
   */
  onReject?:
    | ((remoteAddr: Address, error: SocketError) => void | Promise<void>)
    | undefined;
  /**
   * Called with what the handler, `filter`, `onConnect` or `onDisconnect`
   * threw. What it throws itself is printed on standard error. Without it,
   * every error is printed except a `SocketError`, which any peer can cause.
   *
   * Printing never blocks or ends the server. Control characters are escaped.
   * While standard error takes nothing, as a pipe that is not read, 64 KiB wait
   * and further messages are dropped; a later line reports how many. If the
   * program has replaced `console.error`, that is called instead.
   */
  onError?:
    | ((error: unknown, conn: Connection) => void | Promise<void>)
    | undefined;
}

/**
 * Counters of a server, see {@linkcode Server.stats}.
 *
 * @category Serve
 */
export interface ServerStats {
  /** Connections open now. */
  active: number;
  /** Connections for which the handler was called, since the start. */
  accepted: number;
  /** Connections closed before the handler, see {@linkcode ServerOptions.onReject}. */
  rejected: number;
  /** Bytes received on all connections, open and closed. */
  bytesReceived: number;
  /** Bytes sent on all connections, open and closed. */
  bytesSent: number;
}

/**
 * Options of {@linkcode Server.shutdown}.
 *
 * @category Options
 */
export interface ShutdownOptions {
  /**
   * Milliseconds for the handlers to finish, 0 for none.
   *
   * @default Infinity
   */
  timeout?: number | undefined;
}

/**
 * A running server. Leaving the scope of an `await using` shuts it down, with a
 * timeout of one second.
 *
 * @category Serve
 */
export interface Server<A extends Address = Address> extends AsyncDisposable {
  /** The bound address; its port is the real one, even if 0 was asked for. */
  readonly addr: A;
  /**
   * Resolves when the server has stopped, its address is free, and the last
   * connection is closed.
   */
  readonly finished: Promise<void>;
  /**
   * Stops accepting, aborts the handlers' `signal`, lets them finish, and after
   * `timeout` closes the remaining connections, by a reset where sends still
   * wait. Resolves when all are closed.
   * A second call may shorten the time.
   *
   * Rejects with `RangeError` or `TypeError` for a wrong `timeout`; the server
   * then keeps running.
   *
   * @param options The time for the handlers to finish.
   */
  shutdown(options?: ShutdownOptions): Promise<void>;
  /** Returns a snapshot of the counters. */
  stats(): ServerStats;
}

/**
 * The kind of server on a transport: a {@linkcode DatagramServer} on `"udp"`,
 * otherwise a {@linkcode Server}.
 *
 * @category Serve
 */
export type ServerOf<Transport extends "tcp" | "unix" | "udp" | undefined> =
  Transport extends "udp" ? DatagramServer
    : Server<AddressOf<Exclude<Transport, "udp">>>;
