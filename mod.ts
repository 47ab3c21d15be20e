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
export {
  type ConnectionSummary,
  type Handler,
  type HandlerContext,
  serve,
  type ServeOptions,
  type Server,
  type ServerOptions,
  type ServerStats,
  type ShutdownOptions,
} from "./src/serve.ts";
export {
  type DatagramHandler,
  type DatagramServer,
  type DatagramServerOptions,
  type DatagramServerStats,
  type Reply,
  serveDatagrams,
  type ServeDatagramsOptions,
  type ServerOf,
} from "./src/datagrams.ts";
export type { LoopGuardOptions } from "./src/loop_guard.ts";
export { echo, serveEcho, type ServeEchoOptions } from "./src/echo.ts";
export {
  type Greeting,
  greeting,
  type GreetingOptions,
  serveGreeting,
  type ServeGreetingOptions,
} from "./src/greeting.ts";
