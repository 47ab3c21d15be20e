import type {
  Address,
  Connection,
  TlsConnectOptions,
  TlsListenOptions,
} from "../socket.ts";
import type { Handle } from "./handle.ts";

/** A handshake over a connection in use. */
export interface TlsRequest {
  /** The beginning of an error's message. */
  readonly call: string;
  readonly local: Address;
  readonly remote: Address;
  /** What was received and not taken: the first bytes of the handshake. */
  readonly received: Uint8Array<ArrayBuffer> | null;
  /** Of a server. */
  readonly server?: TlsListenOptions;
  /** Of a client. */
  readonly client?: TlsConnectOptions & { serverName: string };
  readonly signal: AbortSignal | undefined;
}

/**
 * Takes a runtime's socket over from a connection, and encrypts it. The socket
 * is closed if that fails.
 */
export type StartTls = (
  handle: Handle,
  request: TlsRequest,
) => Promise<Connection>;
