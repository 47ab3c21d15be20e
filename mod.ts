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
export { echo, serveEcho } from "./src/echo.ts";
export {
  type Greeting,
  greeting,
  type GreetingOptions,
  serveGreeting,
  type ServeGreetingOptions,
} from "./src/greeting.ts";
