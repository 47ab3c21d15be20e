/**
 * The parts of Bun that the baselines and the client use, so that they
 * type-check without Bun's own declarations.
 */
export interface BunSocket<T> {
  data: T;
  /** Takes what fits; 0 when full, -1 when the connection is gone. */
  write(data: Uint8Array): number;
  /** Half-closes. */
  shutdown(): void;
  /** Closes. */
  end(): void;
  pause(): void;
  resume(): void;
}

/** What Bun calls when something happens to a socket. */
export interface BunHandlers<T> {
  binaryType: "uint8array";
  open?(socket: BunSocket<T>): void;
  handshake?(socket: BunSocket<T>): void;
  data?(socket: BunSocket<T>, chunk: Uint8Array): void;
  drain?(socket: BunSocket<T>): void;
  end?(socket: BunSocket<T>): void;
  close?(socket: BunSocket<T>): void;
  error?(): void;
}

/** Where a stream is, and whether it speaks TLS. */
export type BunAddress =
  & ({ hostname: string; port: number } | { unix: string })
  & { tls?: { cert: string; key: string } | { ca: string } };

interface StreamOptions<T> {
  allowHalfOpen: true;
  data?: T;
  socket: BunHandlers<T>;
}

export interface BunDatagramSocket {
  readonly port: number;
  /** Takes no address where the socket is connected. */
  send(data: Uint8Array, port?: number, hostname?: string): boolean;
  close(): void;
}

interface DatagramOptions {
  hostname: string;
  port?: number;
  connect?: { hostname: string; port: number };
  socket: {
    data(
      socket: BunDatagramSocket,
      data: Uint8Array,
      port: number,
      hostname: string,
    ): void;
    error?(): void;
  };
}

interface BunRuntime {
  listen<T>(options: BunAddress & StreamOptions<T>): { readonly port: number };
  connect<T>(options: BunAddress & StreamOptions<T>): Promise<BunSocket<T>>;
  udpSocket(options: DatagramOptions): Promise<BunDatagramSocket>;
}

export const { Bun } = globalThis as unknown as { Bun: BunRuntime };
