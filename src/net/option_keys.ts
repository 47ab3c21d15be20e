// The options of each call: a new one in a type is a new name here.
import type {
  BindOptions,
  FrameOptions,
  KeepAliveOptions,
  PipeOptions,
  ProxyHeaderOptions,
  ProxyProtocolOptions,
  TcpConnectOptions,
  TcpListenOptions,
  TlsConnectOptions,
  TlsListenOptions,
  UnixConnectOptions,
  UnixListenOptions,
} from "../socket.ts";
import type { Keys } from "./own_options.ts";

export const TCP_LISTEN: Keys<TcpListenOptions> = {
  transport: true,
  hostname: true,
  port: true,
  backlog: true,
  reusePort: true,
  keepAlive: true,
  tls: true,
  proxyProtocol: true,
};

export const UNIX_LISTEN: Keys<UnixListenOptions> = {
  transport: true,
  path: true,
  mode: true,
  removeStale: true,
  backlog: true,
  proxyProtocol: true,
};

export const TCP_CONNECT: Keys<TcpConnectOptions> = {
  transport: true,
  hostname: true,
  port: true,
  localAddress: true,
  localPort: true,
  proxyHeader: true,
  keepAlive: true,
  tls: true,
  timeout: true,
  signal: true,
};

export const UNIX_CONNECT: Keys<UnixConnectOptions> = {
  transport: true,
  path: true,
  timeout: true,
  signal: true,
};

export const BIND: Keys<BindOptions> = {
  transport: true,
  hostname: true,
  port: true,
  reuseAddress: true,
  multicastTtl: true,
  multicastLoopback: true,
};

export const TLS_LISTEN: Keys<TlsListenOptions> = {
  cert: true,
  key: true,
  alpnProtocols: true,
  clientAuth: true,
  caCerts: true,
  sni: true,
};

export const TLS_CONNECT: Keys<TlsConnectOptions> = {
  caCerts: true,
  serverName: true,
  alpnProtocols: true,
  cert: true,
  key: true,
};

export const PROXY_PROTOCOL: Keys<ProxyProtocolOptions> = {
  trustedProxies: true,
  optional: true,
};

export const PROXY_HEADER: Keys<ProxyHeaderOptions> = {
  version: true,
  source: true,
  destination: true,
};

export const KEEP_ALIVE: Keys<KeepAliveOptions> = {
  initialDelay: true,
  interval: true,
  count: true,
};

export const FRAME: Keys<FrameOptions> = { maxBytes: true, signal: true };

export const PIPE: Keys<PipeOptions> = { signal: true, preventClose: true };
