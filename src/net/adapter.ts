import type {
  Connection,
  DatagramSocket,
  NetAddress,
  TcpConnectOptions,
  TcpListenOptions,
  TlsConnectOptions,
  UnixConnectOptions,
  UnixListenOptions,
} from "../socket.ts";
import type { BaseListener } from "./socket_listener.ts";

/** An option that is there after `open.ts` filled in the defaults. */
type Filled<T, K extends keyof T> = T & Required<Pick<T, K>>;

/** {@linkcode ListenOptions} as an adapter gets them: checked and complete. */
export type CheckedListen =
  | Filled<TcpListenOptions, "transport" | "hostname" | "backlog">
  | Filled<UnixListenOptions, "backlog">;

/** {@linkcode ConnectOptions} as an adapter gets them: checked and complete. */
export type CheckedConnect =
  | Filled<TcpConnectOptions, "transport" | "hostname"> & {
    tls?: TlsConnectOptions;
  }
  | UnixConnectOptions;

/** What a runtime needs to have to carry the interface. */
export interface Adapter {
  /** Whether this is the runtime. */
  readonly here: boolean;
  /** What these throw may be the runtime's own: `open.ts` translates it. */
  listen(options: CheckedListen): BaseListener | Promise<BaseListener>;
  connect(options: CheckedConnect): Promise<Connection>;
  bind(address: NetAddress<"udp">): Promise<DatagramSocket>;
}
