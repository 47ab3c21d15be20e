/** The parts of Bun that are used here. */
export interface BunRuntime {
  listen(options: Record<string, unknown>): BunServer;
  connect(options: Record<string, unknown>): Promise<BunSocket>;
  udpSocket(options: Record<string, unknown>): Promise<BunUdpSocket>;
}

/** Bun's listening socket. */
export interface BunServer {
  readonly port: number;
  getsockname(out: { address?: string }): void;
  stop(closeActiveConnections?: boolean): void;
}

/** Bun's connected socket. */
export interface BunSocket {
  data: SocketEvents;
  readonly localAddress: string;
  readonly localPort: number;
  /** Undefined when the peer is gone. */
  readonly remoteAddress: string | undefined;
  /** None once the socket is closed. */
  readonly remotePort: number | undefined;
  readonly fd: number;
  readonly authorized: boolean;
  readonly alpnProtocol: string | false | null;
  getTLSVersion(): string | null;
  getCipher(): { standardName: string };
  /** The name in the handshake, or the IP address that a client verified. */
  getServername(): string | undefined;
  /** Undefined where the peer sent none. */
  getPeerX509Certificate(): BunCertificate | undefined;
  /** Takes what fits; 0 when full, -1 when the connection is gone. */
  write(data: Uint8Array): number;
  /** Half-closes. */
  shutdown(): void;
  /** Closes; on TLS it only sends a close_notify. */
  end(): void;
  /** Closes, on TLS too, but without a close_notify. */
  close(): void;
  /** Resets. */
  terminate(): void;
  pause(): void;
  resume(): void;
  /** Changes the event handlers. */
  reload(options: { socket: object }): void;
  /** Starts TLS as a client; the second socket carries the plain text. */
  upgradeTLS(options: object): [BunSocket, BunSocket];
  setKeepAlive(enable: boolean, initialDelay: number): boolean;
}

/** Bun's `X509Certificate`; `raw` is DER. */
export interface BunCertificate {
  readonly raw: Uint8Array;
  readonly validFrom: string;
  readonly validTo: string;
}

/** Bun's UDP socket. */
export interface BunUdpSocket {
  readonly address: { address: string; port: number };
  /** Returns false when the kernel has no room; `drain` follows then. */
  send(data: Uint8Array, port: number, hostname: string): boolean;
  /**
   * Sends data, port and hostname, repeated; returns how many went out before
   * one that did not. Throws if that is the first.
   */
  sendMany(packets: readonly (Uint8Array | number | string)[]): number;
  setBroadcast(enable: boolean): boolean;
  setMulticastTTL(ttl: number): number;
  setMulticastLoopback(enable: boolean): boolean;
  addMembership(group: string, interfaceAddress?: string): boolean;
  dropMembership(group: string, interfaceAddress?: string): boolean;
  close(): void;
}

/** The error that Bun reports with `close` and `error`. */
export type BunError = Error & { code?: string };

/** Handles a socket's events until the socket is closed: `socket.data`. */
export interface SocketEvents {
  onOpen?(socket: BunSocket): void;
  /** TLS only; not called when the peer resets. */
  onHandshake?(socket: BunSocket, ok: boolean, error: BunError | null): void;
  onData?(chunk: Uint8Array<ArrayBuffer>): void;
  onEnd?(): void;
  onDrain?(): void;
  /** `onClose` follows, without the error where TLS failed. */
  onError?(error: BunError): void;
  onClose(error?: BunError): void;
}

/** Bun; undefined on other runtimes. */
export const { Bun } = globalThis as unknown as { Bun: BunRuntime };
