/**
 * One socket interface for Deno and Bun, over each runtime's own sockets, and
 * an echo server and a greeting server built on it. A call means the same on
 * both: sends are whole and in order, half-close works, a peer that sends too
 * fast is held back by the kernel, an aborted `recv` loses nothing, and the
 * same fault has the same code. There are no dependencies. Nothing is exposed
 * unless asked: without a `hostname`, it is 127.0.0.1.
 *
 * A server is a function of one connection. Here are one and its client:
 *
 * ```ts
 * import { connect, echo, serve } from "@parley/echo";
 *
 * await using server = await serve({ port: 0 }, async (conn) => {
 *   await conn.send("Welcome\n");
 *   await echo(conn);
 * });
 *
 * await using conn = await connect({ port: server.addr.port });
 * await conn.send("Hello, world\n");
 * await conn.closeWrite(); // our side ends, the other lives on
 * for (let data; (data = await conn.recv()) !== null;) {
 *   console.log(new TextDecoder().decode(data));
 * }
 * ```
 *
 * What is where:
 *
 * - {@linkcode listen}, {@linkcode connect} and {@linkcode bind} open a
 *   {@linkcode Listener}, a {@linkcode Connection} and a
 *   {@linkcode DatagramSocket}, on TCP, TLS, Unix sockets and UDP.
 * - {@linkcode serve} runs a {@linkcode Handler} for each connection, with the
 *   limits and callbacks of {@linkcode ServerOptions}, counters and an orderly
 *   {@linkcode Server.shutdown | shutdown}; {@linkcode serveDatagrams} does so
 *   for datagrams.
 * - {@linkcode echo} and {@linkcode greeting} are handlers;
 *   {@linkcode serveEcho} and {@linkcode serveGreeting} serve them on any
 *   transport.
 * - {@linkcode SocketError} is every fault but a wrong argument, which is a
 *   `TypeError` or a `RangeError`, and an abort, which is `signal.reason`; its
 *   `code` is a {@linkcode SocketErrorCode}.
 * - {@linkcode formatAddress} writes an {@linkcode Address}.
 *
 * Bun needs no permissions. Deno asks for those that are missing, or the call
 * rejects with `EACCES` and names the flag:
 *
 * - TCP and TLS: `--allow-net=HOST:PORT`. Certificates are text; reading them
 *   from files needs `--allow-read`.
 * - Unix sockets: `--allow-net=unix:PATH --allow-read=PATH --allow-write=PATH`.
 * - UDP: `--allow-net` with the address to bind and those to send to.
 *
 * @example When something is wrong
 * ```ts
 * import { connect, SocketError } from "@parley/echo";
 *
 * try {
 *   await using conn = await connect({ hostname: "nobody.invalid", port: 7 });
 *   await conn.send("hello");
 * } catch (error) {
 *   if (!(error instanceof SocketError)) throw error;
 *   console.error(error.code); // ENOTFOUND
 *   console.error(error.message); // what failed, and what to do about it
 * }
 * ```
 *
 * @module
 */

export { bind, connect, listen } from "./src/open.ts";
export { SocketError, type SocketErrorCode } from "./src/errors.ts";
export {
  type AbortOptions,
  type Address,
  type AddressOf,
  type BindOptions,
  type Connection,
  type ConnectOptions,
  type DatagramSocket,
  formatAddress,
  type Listener,
  type ListenOptions,
  type NetAddress,
  type PipeOptions,
  type ProxyProtocolOptions,
  type TcpConnectOptions,
  type TcpListenOptions,
  type TlsConnectOptions,
  type TlsListenOptions,
  type UnixAddress,
  type UnixConnectOptions,
  type UnixListenOptions,
} from "./src/socket.ts";
export { serve } from "./src/servers/serve.ts";
export {
  type ConnectionSummary,
  type Handler,
  type HandlerContext,
  type ServeOptions,
  type Server,
  type ServerOptions,
  type ServerStats,
  type ShutdownOptions,
} from "./src/servers/server.ts";
export {
  type DatagramHandler,
  type DatagramServer,
  type DatagramServerOptions,
  type DatagramServerStats,
  type Reply,
  serveDatagrams,
  type ServeDatagramsOptions,
  type ServerOf,
} from "./src/servers/serve_datagrams.ts";
export type { LoopGuardOptions } from "./src/servers/loop_guard.ts";
export { echo, serveEcho, type ServeEchoOptions } from "./src/servers/echo.ts";
export {
  type Greeting,
  greeting,
  type GreetingOptions,
  serveGreeting,
  type ServeGreetingOptions,
} from "./src/servers/greeting.ts";
