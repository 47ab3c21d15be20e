import type {
  Address,
  TlsConnectOptions,
  TlsListenOptions,
} from "../socket.ts";
import type { FailedCall } from "./socket_error.ts";

/** A handshake over a connection in use. */
export interface TlsRequest {
  /** For errors. */
  readonly call: FailedCall;
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
