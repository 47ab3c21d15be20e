/**
 * One socket interface for Deno, Bun and Node.js, over each runtime's own sockets, and
 * an echo server and a greeting server built on it.
 *
 * A call means the same on every runtime: sends are whole and in order,
 * half-close works, the kernel holds back a peer that sends too fast, an
 * aborted `recv` loses nothing, and the same error has the same code. There are
 * no dependencies. Without a `hostname`, sockets bind to 127.0.0.1 only.
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
 * await conn.closeWrite(); // ends this side, the other stays open
 * for (let data; (data = await conn.recv()) !== null;) {
 *   console.log(new TextDecoder().decode(data));
 * }
 * ```
 *
 * ## Contents
 *
 * - {@linkcode listen}, {@linkcode connect} and {@linkcode bind} open a
 *   {@linkcode Listener}, a {@linkcode Connection} and a
 *   {@linkcode DatagramSocket}, on TCP, TLS, Unix sockets and UDP.
 * - {@linkcode serve} runs a {@linkcode Handler} for each connection, with the
 *   limits and callbacks of {@linkcode ServerOptions}, counters and an orderly
 *   {@linkcode Server.shutdown | shutdown}; {@linkcode serveDatagrams} does the
 *   same for datagrams. {@linkcode serveUntilSignal} stops either on Ctrl+C.
 * - {@linkcode echo} and {@linkcode greeting} are handlers;
 *   {@linkcode serveEcho} and {@linkcode serveGreeting} serve them on any
 *   transport.
 * - {@linkcode SocketError} is every error except a wrong argument, which is a
 *   `TypeError` or a `RangeError`, and an abort, which is `signal.reason`; its
 *   `code` is a {@linkcode SocketErrorCode}.
 * - {@linkcode formatAddress} formats an {@linkcode Address}.
 *
 * ## Permissions
 *
 * Bun needs none. Deno prompts for missing ones, or the call rejects with
 * `EACCES` and names the flag:
 *
 * - TCP and TLS: `--allow-net=HOST:PORT`. Certificates are text; reading them
 *   from files needs `--allow-read`.
 * - Unix sockets: `--allow-net=unix:PATH --allow-read=PATH --allow-write=PATH`.
 * - UDP: `--allow-net` with the address to bind and the ones to send to.
 *
 * @example Handle an error
 * ```ts
 * import { connect, SocketError } from "@parley/echo";
 *
 * try {
 *   await using conn = await connect({ hostname: "host.invalid", port: 7 });
 *   await conn.send("hello");
 * } catch (error) {
 *   if (!(error instanceof SocketError)) throw error;
 *   console.error(error.code); // ENOTFOUND
 *   console.error(error.message); // the failed call, and the remedy
 * }
 * ```
 *
 * @module
 */

export { bind, connect, listen } from "./src/open.ts";
export {
  SocketError,
  type SocketErrorCode,
  type Syscall,
  type TlsFailureReason,
} from "./src/errors.ts";
export {
  type AbortOptions,
  type Address,
  type AddressOf,
  type BindOptions,
  type Connection,
  type ConnectOptions,
  type DatagramSocket,
  formatAddress,
  type FrameOptions,
  type KeepAliveOptions,
  type Listener,
  type ListenOptions,
  type NetAddress,
  type PipeOptions,
  type ProxyHeaderOptions,
  type ProxyProtocolOptions,
  type SendData,
  type StartTlsOptions,
  type TcpConnectOptions,
  type TcpListenOptions,
  type TlsConnectOptions,
  type TlsIdentity,
  type TlsInfo,
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
  type Server,
  type ServerOf,
  type ServerOptions,
  type ServerStats,
  type ShutdownOptions,
} from "./src/servers/server.ts";
export { serveUntilSignal } from "./src/servers/serve_until_signal.ts";
export { serveDatagrams } from "./src/servers/serve_datagrams.ts";
export {
  type DatagramHandler,
  type DatagramReply,
  type DatagramServer,
  type DatagramServerOptions,
  type DatagramServerStats,
} from "./src/servers/datagram_server.ts";
export type { LoopGuardOptions } from "./src/servers/loop_guard.ts";
export { echo, serveEcho, type ServeEchoOptions } from "./src/servers/echo.ts";
export {
  type Greeting,
  greeting,
  type GreetingOptions,
  serveGreeting,
  type ServeGreetingOptions,
} from "./src/servers/greeting.ts";
