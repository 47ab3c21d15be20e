// The options of each kind of server: a new one in a type is a new name here.
import { BIND, TCP_LISTEN, UNIX_LISTEN } from "../net/option_keys.ts";
import type { Keys } from "../net/own_options.ts";
import type {
  BindOptions,
  TcpListenOptions,
  UnixListenOptions,
} from "../socket.ts";
import type { DatagramServerOptions } from "./datagram_server.ts";
import type { LoopGuardOptions } from "./loop_guard.ts";
import type { ServerOptions, ShutdownOptions } from "./server.ts";

const SERVER: Keys<ServerOptions> = {
  maxConnections: true,
  maxConnectionsPerHost: true,
  idleTimeout: true,
  filter: true,
  onReject: true,
  signal: true,
  onListen: true,
  onConnect: true,
  onDisconnect: true,
  onError: true,
};

export const TCP_SERVER: Keys<TcpListenOptions & ServerOptions> = {
  ...TCP_LISTEN,
  ...SERVER,
};

export const UNIX_SERVER: Keys<UnixListenOptions & ServerOptions> = {
  ...UNIX_LISTEN,
  ...SERVER,
};

export const DATAGRAM_SERVER: Keys<BindOptions & DatagramServerOptions> = {
  ...BIND,
  loopGuard: true,
  signal: true,
  onListen: true,
  onError: true,
};

export const LOOP_GUARD: Keys<LoopGuardOptions> = {
  lowestPort: true,
  burst: true,
  rate: true,
  addressBurst: true,
  addressRate: true,
  totalBurst: true,
  totalRate: true,
};

export const SHUTDOWN: Keys<ShutdownOptions> = { timeout: true };
