import type {
  AbortOptions,
  Address,
  Connection,
  PipeOptions,
} from "../socket.ts";
import type { Handle } from "./handle.ts";
import { DONE } from "./send_queue.ts";
import { SocketStream } from "./socket_stream.ts";
import { pipeGeneric, readableOf, writableOf } from "./streams.ts";
import { checkMaxBytes, toBytes } from "./validate.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Replaces the addresses by those of a PROXY header, and takes back the bytes
 * that were received behind it. Not a method, for users hold the connection.
 */
export let applyProxyHeader: (
  connection: SocketConnection,
  endpoints: { source: Address; destination: Address } | undefined,
  rest: Bytes,
) => void;

/** Whether a send has not gone out yet. For servers, not for users. */
export let isSending: (connection: Connection) => boolean;

/**
 * A connection over a runtime's {@linkcode Handle}: the interface, and nothing
 * that its user should not reach. {@linkcode SocketStream} holds the rules.
 */
export class SocketConnection implements Connection {
  readonly alpnProtocol: string | undefined;
  readonly #stream: SocketStream;
  #localAddr: Address;
  #readable: ReadableStream<Bytes> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  constructor(
    handle: Handle,
    localAddr: Address,
    remoteAddr: Address,
    alpnProtocol?: string,
  ) {
    this.#stream = new SocketStream(handle, remoteAddr);
    this.#localAddr = localAddr;
    this.alpnProtocol = alpnProtocol;
  }

  get localAddr(): Address {
    return this.#localAddr;
  }

  get remoteAddr(): Address {
    return this.#stream.peer;
  }

  get bytesReceived(): number {
    return this.#stream.bytesReceived;
  }

  get bytesSent(): number {
    return this.#stream.sending.bytesSent;
  }

  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  get readable(): ReadableStream<Bytes> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  recv(maxBytes = 65536, options?: AbortOptions): Promise<Bytes | null> {
    return checkMaxBytes(maxBytes) ??
      this.#stream.recv(maxBytes, options?.signal);
  }

  send(data: Uint8Array | string): Promise<void> {
    try {
      return this.#stream.sending.send(toBytes(data)) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  pipeTo(destination: Connection, options?: PipeOptions): Promise<void> {
    if (typeof destination?.send !== "function") {
      const message =
        `Invalid destination "${destination}": expected a Connection`;
      return Promise.reject(new TypeError(message));
    }
    return #stream in destination
      ? this.#stream.pipeTo(destination.#stream, options)
      : pipeGeneric(this, destination, options);
  }

  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  close(): Promise<void> {
    this.#stream.close();
    return DONE;
  }

  reset(): Promise<void> {
    this.#stream.reset();
    return DONE;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  static {
    isSending = (connection) =>
      #stream in connection && connection.#stream.isWriting;
    applyProxyHeader = (connection, endpoints, rest) => {
      const stream = connection.#stream;
      if (endpoints !== undefined) {
        stream.peer = endpoints.source;
        connection.#localAddr = endpoints.destination;
      }
      stream.bytesReceived = 0;
      if (rest.length > 0) stream.unshift(rest);
    };
  }
}
