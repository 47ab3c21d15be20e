import { SocketError } from "../errors.ts";
import type {
  AbortOptions,
  Address,
  Connection,
  FrameOptions,
  PipeOptions,
  SendData,
  StartTlsOptions,
  TlsInfo,
} from "../socket.ts";
import { Delimited, exactly } from "./frame.ts";
import type { Handle } from "./handle.ts";
import { FRAME, PIPE } from "./option_keys.ts";
import { ownOptions, ownSignal } from "./own_options.ts";
import { DONE } from "./send_queue.ts";
import type { TlsRequest } from "./tls_request.ts";
import { SocketStream } from "./socket_stream.ts";
import { linesOf, pipeGeneric, readableOf, writableOf } from "./streams.ts";
import { handshakeError } from "./tls_failure.ts";
import { checkStartTls } from "./validate_tls.ts";
import { checkBooleans, checkLength, toBytes } from "./validate_values.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NO_OPTIONS: FrameOptions = {};

/**
 * Takes a runtime's socket over from a connection, and encrypts it. The socket
 * is closed if that fails.
 */
export type StartTls = (
  handle: Handle,
  request: TlsRequest,
) => Promise<SocketConnection>;

/**
 * Replaces the addresses by those of a PROXY header, and takes back the bytes
 * that were received behind it. Not a method, for users hold the connection.
 */
export let applyProxyHeader: (
  connection: SocketConnection,
  endpoints: { source: Address; destination: Address } | undefined,
  rest: Bytes,
) => void;

/** Returns what `startTls` has made of a connection, or itself. For servers. */
export let currentOf: (connection: Connection) => Connection;

/** Whether a send has not gone out yet. For servers, not for users. */
export let isSending: (connection: Connection) => boolean;

/** Keeps the name that `connect` was given, for TLS to verify later. */
export let setHostname: (
  connection: SocketConnection,
  hostname: string,
) => void;

/**
 * A connection over a runtime's {@linkcode Handle}: the interface, and nothing
 * that its user should not reach. {@linkcode SocketStream} holds the rules.
 */
export class SocketConnection implements Connection {
  readonly #stream: SocketStream;
  readonly #handle: Handle;
  readonly #describeTls: (() => TlsInfo) | undefined;
  readonly #startTls: StartTls | undefined;
  /** The name that `connect` was given. */
  #hostname: string | undefined;
  #tls: TlsInfo | undefined;
  /** Aborts the `startTls` that is pending. */
  #starting: AbortController | null = null;
  /** What it has made of this connection. */
  #secured: SocketConnection | null = null;
  #localAddr: Address;
  #readable: ReadableStream<Bytes> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  /**
   * @param describeTls Makes `tls`, also after the socket is closed.
   * @param startTls Encrypts the handle, unless it is a TLS socket.
   */
  constructor(
    handle: Handle,
    localAddr: Address,
    remoteAddr: Address,
    describeTls?: () => TlsInfo,
    startTls?: StartTls,
  ) {
    this.#stream = new SocketStream(handle, remoteAddr);
    this.#handle = handle;
    this.#startTls = startTls;
    this.#localAddr = localAddr;
    this.#describeTls = describeTls;
  }

  get localAddr(): Address {
    return this.#localAddr;
  }

  get remoteAddr(): Address {
    return this.#stream.peer;
  }

  get tls(): TlsInfo | undefined {
    return this.#tls ??= this.#describeTls?.();
  }

  get bytesReceived(): number {
    return this.#stream.receiving.bytesReceived;
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
    const refused = checkLength(maxBytes);
    if (refused !== undefined) return refused;
    const { receiving } = this.#stream;
    if (options === undefined) return receiving.recv(maxBytes);
    try {
      return receiving.recv(maxBytes, ownSignal("recv", options));
    } catch (error) {
      // Wrong options.
      return Promise.reject(error);
    }
  }

  recvExactly(length: number, options?: AbortOptions): Promise<Bytes | null> {
    const refused = checkLength(length, 0);
    if (refused !== undefined) return refused;
    try {
      const signal = ownSignal("recvExactly", options);
      return this.#stream.receiving.recvFrame(exactly(length), signal);
    } catch (error) {
      // Wrong options.
      return Promise.reject(error);
    }
  }

  recvUntil(
    delimiter: Uint8Array | string,
    options: FrameOptions = NO_OPTIONS,
  ): Promise<Bytes | null> {
    try {
      const { maxBytes = 65536, signal } = options === NO_OPTIONS
        ? options
        : ownOptions("recvUntil", options, FRAME);
      const frame = new Delimited(delimiter, maxBytes);
      return checkLength(maxBytes) ??
        this.#stream.receiving.recvFrame(frame, signal);
    } catch (error) {
      // Wrong options, or a wrong delimiter.
      return Promise.reject(error);
    }
  }

  lines(options?: FrameOptions): AsyncGenerator<string, void, void> {
    return linesOf(this, options);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Bytes, void, void> {
    for (let data; (data = await this.recv()) !== null;) yield data;
  }

  send(data: SendData): Promise<void> {
    try {
      return this.#stream.sending.send(toBytes(data)) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async startTls(options: StartTlsOptions = {}): Promise<SocketConnection> {
    const stream = this.#stream;
    if (stream.isClosed) throw stream.startTlsError("EBADF");
    const start = this.#startTls;
    if (start === undefined) throw stream.startTlsError("ENOTSUP");
    const request = checkStartTls(options, this.#hostname);
    request.signal?.throwIfAborted();
    const received = stream.detach();
    const { localAddr: local, remoteAddr: remote } = this;
    const where = { call: stream.startTlsCall, local, remote };
    const starting = this.#starting = new AbortController();
    const signal = request.signal === undefined
      ? starting.signal
      : AbortSignal.any([request.signal, starting.signal]);
    const secured = { ...where, received, ...request, signal };
    try {
      return this.#secured = await start(this.#handle, secured);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof SocketError) throw error;
      throw stream.startTlsError(handshakeError(error));
    } finally {
      this.#starting = null;
    }
  }

  pipeTo(destination: Connection, options?: PipeOptions): Promise<void> {
    if (typeof destination?.send !== "function") {
      const message =
        `Invalid destination "${destination}": expected a Connection`;
      return Promise.reject(new TypeError(message));
    }
    try {
      const own = ownOptions("pipeTo", options ?? {}, PIPE);
      checkBooleans(own, ["preventClose"]);
      return #stream in destination
        ? this.#stream.receiving.pipeTo(destination.#stream, own)
        : pipeGeneric(this, destination, own);
    } catch (error) {
      // Wrong options.
      return Promise.reject(error);
    }
  }

  closeWrite(): Promise<void> {
    return this.#stream.closeWrite();
  }

  close(): Promise<void> {
    this.#starting?.abort(this.#stream.startTlsError("EBADF"));
    this.#stream.close();
    return DONE;
  }

  reset(): Promise<void> {
    this.#starting?.abort(this.#stream.startTlsError("EBADF"));
    this.#stream.reset();
    return DONE;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  static {
    setHostname = (connection, hostname) => {
      connection.#hostname = hostname;
    };
    currentOf = (connection) =>
      #stream in connection ? connection.#secured ?? connection : connection;
    isSending = (connection) =>
      #stream in connection && connection.#stream.isWriting;
    applyProxyHeader = (connection, endpoints, rest) => {
      const stream = connection.#stream;
      if (endpoints !== undefined) {
        stream.peer = endpoints.source;
        connection.#localAddr = endpoints.destination;
      }
      stream.receiving.bytesReceived = 0;
      if (rest.length > 0) stream.receiving.unshift(rest);
    };
  }
}
