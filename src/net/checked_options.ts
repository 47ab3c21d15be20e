import type {
  BindOptions,
  TcpConnectOptions,
  TcpListenOptions,
  TlsConnectOptions,
  TlsListenOptions,
  UnixConnectOptions,
  UnixListenOptions,
} from "../socket.ts";

/** Options with their defaults filled in. */
type Filled<T, K extends keyof T> = T & Required<Pick<T, K>>;

/** Checked `keepAlive`. */
export interface KeepAlive {
  keepAlive: boolean | undefined;
  /** Milliseconds before the first probe; 0 leaves them to the system. */
  keepAliveDelay: number;
  /** Milliseconds from one probe to the next, and the most probes. */
  keepAliveProbes?: { interval?: number; count?: number };
}

/** Checked and complete {@linkcode TcpListenOptions}. */
export type CheckedTcpListen =
  & Filled<
    Omit<TcpListenOptions, "keepAlive">,
    "transport" | "hostname" | "backlog"
  >
  & KeepAlive
  & { tls?: TlsListenOptions };

/** Checked and complete {@linkcode UnixListenOptions}. */
export type CheckedUnixListen = Filled<UnixListenOptions, "backlog">;

/** Checked and complete {@linkcode TcpConnectOptions}. */
export type CheckedTcpConnect =
  & Filled<Omit<TcpConnectOptions, "keepAlive">, "transport" | "hostname">
  & KeepAlive
  & { tls?: TlsConnectOptions };

/** Checked and complete {@linkcode BindOptions}. */
export type CheckedBind = Filled<BindOptions, "transport" | "hostname">;

/** Checked and complete options of `listen`. */
export type CheckedListen = CheckedTcpListen | CheckedUnixListen;

/** Checked and complete options of `connect`. */
export type CheckedConnect = CheckedTcpConnect | UnixConnectOptions;

/** Whether these options choose where a connection comes from. */
export function hasLocal(options: CheckedTcpConnect): boolean {
  return options.localAddress !== undefined || options.localPort !== undefined;
}

/** Whether these options ask for TLS. */
export function isSecure(options: CheckedListen | CheckedConnect): boolean {
  return options.transport === "tcp" && options.tls !== undefined;
}
