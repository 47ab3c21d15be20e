import type { SocketError, SocketErrorCode } from "../errors.ts";
import {
  type AbortOptions,
  type Address,
  type Connection,
  formatAddress,
  type PipeOptions,
} from "../socket.ts";
import { fault, toFault } from "./fault.ts";
import { onAbort, refusal } from "./inbox.ts";
import { DONE, SendingSide } from "./sending.ts";
import { readableOf, writableOf } from "./streams.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Receiver = PromiseWithResolvers<Bytes | null>;

/** Stands for a `recv` whose promise is the runtime's to settle. */
const DIRECT: Receiver = { ...Promise.withResolvers(), reject() {} };

/**
 * A connection but for its system calls: who may receive, what an end, an
 * error, an abort and a close mean; and what `SendingSide` adds.
 *
 * An adapter extends it: it answers `read`, `write`, `finish` and `release`,
 * and reports what comes by `push` or `forward`, `end` and `fail`.
 */
export abstract class BaseConnection extends SendingSide implements Connection {
  localAddr: Address;
  remoteAddr: Address;
  readonly alpnProtocol: string | undefined;
  bytesReceived = 0;

  #closed = false;
  /** What broke the connection, for every later call. */
  #failure: SocketError | null = null;

  /** Bytes that came before somebody asked for them. */
  #chunks: Bytes[] = [];
  #ended = false;
  /** The `recv`, or with a destination the `pipeTo`, that waits. */
  #receiver: Receiver | null = null;
  #maxBytes = 0;
  #destination: BaseConnection | null = null;

  #readable: ReadableStream<Bytes> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  constructor(
    localAddr: Address,
    remoteAddr: Address,
    alpnProtocol: string | undefined,
  ) {
    super();
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
    this.alpnProtocol = alpnProtocol;
  }

  /** Somebody waits and nothing is queued: start or resume reading. */
  protected abstract read(maxBytes: number): void;
  /**
   * The short cut of `recv`, where the runtime's own promise can serve it: it
   * goes on with `received` or `notReceived`. Others return null.
   */
  protected readDirectly(_maxBytes: number): Promise<Bytes | null> | null {
    return null;
  }
  /** Closes the socket; a `write` under way must settle, however. */
  protected abstract release(): void;

  get readable(): ReadableStream<Bytes> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  recv(
    maxBytes = 65536,
    options?: AbortOptions,
  ): Promise<Bytes | null> {
    if (!Number.isInteger(maxBytes) || maxBytes < 1) {
      return Promise.reject(invalidMaxBytes(maxBytes));
    }
    const signal = options?.signal;
    const broken = this.#cannotReceive();
    if (broken !== null) return Promise.reject(broken);
    const refused = refusal(signal);
    if (refused !== undefined) return refused;
    if (this.#chunks.length > 0) return Promise.resolve(this.#take(maxBytes));
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (signal === undefined) {
      const direct = this.readDirectly(maxBytes);
      if (direct !== null) {
        this.#receiver = DIRECT;
        return direct;
      }
    }
    const receiver = this.#await(signal);
    this.#maxBytes = maxBytes;
    this.read(maxBytes);
    return receiver.promise;
  }

  pipeTo(destination: Connection, options?: PipeOptions): Promise<void> {
    if (typeof destination?.send !== "function") {
      const message =
        `Invalid destination "${destination}": expected a Connection`;
      return Promise.reject(new TypeError(message));
    }
    const piped = destination instanceof BaseConnection
      ? this.#relay(destination, options?.signal)
      : this.#relayByHand(destination, options?.signal);
    return options?.preventClose
      ? piped.then(() => {})
      : piped.then(() => destination.closeWrite());
  }

  close(): Promise<void> {
    if (this.#closed) return DONE;
    this.#closed = true;
    this.#chunks = [];
    const sends = this.takeSends();
    this.release();
    this.#settle()?.reject(this.fault("EBADF", "receive"));
    for (const send of sends) send.reject(this.fault("EBADF", "send"));
    return DONE;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Whose connection it really is, as a proxy says in front of it; nobody has
   * received so far. What was read beyond that is the next to be received.
   */
  introduce(
    endpoints: { source: Address; destination: Address } | undefined,
    rest: Bytes,
  ): void {
    if (endpoints !== undefined) {
      this.remoteAddr = endpoints.source;
      this.localAddr = endpoints.destination;
    }
    this.bytesReceived = 0;
    if (rest.length > 0) this.#chunks.unshift(rest);
  }

  /** Whether a `recv` or a `pipeTo` waits: nothing else should be read. */
  get wanted(): boolean {
    return this.#receiver !== null;
  }

  /** Whether the peer has ended its side. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether what comes goes to `forward` instead of `push`. */
  get relaying(): boolean {
    return this.#destination !== null && this.#chunks.length === 0;
  }

  /** Whether a `pipeTo` waits. */
  get piping(): boolean {
    return this.#destination !== null;
  }

  /** What a direct read resolves with. */
  protected received(chunk: Bytes | null): Bytes | null {
    if (this.#closed) throw this.fault("EBADF", "receive");
    this.#receiver = null;
    if (chunk === null) this.#ended = true;
    else this.bytesReceived += chunk.length;
    return chunk;
  }

  /** What a direct read rejects with. */
  protected notReceived(error: unknown): never {
    if (this.#closed) throw this.fault("EBADF", "receive");
    this.fail(error);
    throw this.#failure;
  }

  /** Bytes came: to the waiting `recv`, or into the queue. They are ours. */
  push(chunk: Bytes): void {
    if (this.#closed) return;
    this.#chunks.push(chunk);
    if (this.#receiver !== null && this.#destination === null) {
      this.#settle()!.resolve(this.#take(this.#maxBytes));
    }
  }

  /** Relays bytes; no promise where the destination took them at once. */
  forward(chunk: Uint8Array): Promise<void> | void {
    this.bytesReceived += chunk.length;
    return this.#destination!.transmit(chunk);
  }

  /** The destination failed: the relay is over, this connection is not. */
  abandon(error: unknown, relay: unknown = this.#receiver): void {
    if (this.#receiver === relay) this.#settle()?.reject(error);
  }

  /** The `recv` or `pipeTo` that waits: tells one relay from the next. */
  get waiting(): unknown {
    return this.#receiver;
  }

  /** The peer ended its side. */
  end(): void {
    if (this.#closed || this.#failure !== null) return;
    this.#ended = true;
    if (this.#chunks.length === 0) this.#settleEnd();
  }

  /** A relay is through when its destination has taken the last of it. */
  #settleEnd(): void {
    const flushed = this.#destination?.flushed();
    if (flushed === undefined) return this.#settle()?.resolve(null);
    const relay = this.#receiver;
    flushed.then(() => {
      if (this.#receiver === relay) this.#settle()?.resolve(null);
    }, (error) => this.abandon(error, relay));
  }

  /** The connection broke. The first error is the one that is reported. */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#failure ??= toFault(error, this.#cannot("receive"));
    this.#settle()?.reject(this.#failure);
  }

  protected broken(): SocketError | null {
    return this.#closed ? this.fault("EBADF", "send") : this.#failure;
  }

  protected explain(error: unknown): SocketError {
    if (this.#closed) return this.fault("EBADF", "send");
    const failure = toFault(error, this.#cannot("send"));
    // The reason of a broken pipe is the reset that another call has met.
    if (failure.code === "EPIPE" && this.#failure !== null) {
      return this.#failure;
    }
    // A reset ends both directions, whichever call meets it first.
    if (failure.code === "ECONNRESET") this.fail(failure);
    return failure;
  }

  #relay(destination: BaseConnection, signal?: AbortSignal): Promise<unknown> {
    const broken = this.#cannotReceive();
    if (broken !== null) return Promise.reject(broken);
    const refused = refusal(signal);
    if (refused !== undefined) return refused;
    const receiver = this.#await(signal);
    this.#destination = destination;
    if (this.#chunks.length === 0) this.#startRelay();
    else this.#relayQueued(destination, receiver);
    return receiver.promise;
  }

  #startRelay(): void {
    if (this.#ended) this.#settleEnd();
    else if (this.#failure !== null) this.fail(this.#failure);
    else this.read(65536);
  }

  /** What is queued goes first; nothing is read meanwhile. */
  async #relayQueued(
    destination: BaseConnection,
    receiver: Receiver,
  ): Promise<void> {
    try {
      while (this.#chunks.length > 0 && this.#receiver === receiver) {
        await destination.transmit(this.#take(65536));
      }
      if (this.#receiver === receiver) this.#startRelay();
    } catch (error) {
      if (this.#receiver === receiver) this.abandon(error);
    }
  }

  async #relayByHand(
    destination: Connection,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let data; (data = await this.recv(65536, { signal })) !== null;) {
      await destination.send(data);
    }
  }

  #await(
    signal: AbortSignal | undefined,
  ): Receiver {
    const receiver: Receiver = Promise.withResolvers();
    this.#receiver = receiver;
    if (signal !== undefined) {
      onAbort(signal, receiver.promise, () => {
        if (this.#receiver === receiver) this.#settle();
        receiver.reject(signal.reason);
      });
    }
    return receiver;
  }

  /** Takes the receiver off; the caller settles it. */
  #settle(): Receiver | null {
    const receiver = this.#receiver;
    this.#receiver = null;
    this.#destination = null;
    return receiver;
  }

  /** Takes the next queued bytes, at most `maxBytes`, in an array of its own. */
  #take(maxBytes: number): Bytes {
    let chunk = this.#chunks[0];
    if (chunk.length <= maxBytes) {
      this.#chunks.shift();
    } else {
      this.#chunks[0] = chunk.subarray(maxBytes);
      chunk = chunk.slice(0, maxBytes);
    }
    this.bytesReceived += chunk.length;
    return chunk;
  }

  #cannotReceive(): SocketError | null {
    if (this.#closed) return this.fault("EBADF", "receive");
    if (this.#receiver !== null) return this.fault("EBUSY", "receive");
    return null;
  }

  #cannot(doing: string): string {
    return `Cannot ${doing}, peer ${formatAddress(this.remoteAddr)}`;
  }

  protected fault(code: SocketErrorCode, doing: string): SocketError {
    return fault(code, this.#cannot(doing));
  }
}

function invalidMaxBytes(maxBytes: unknown): Error {
  const message =
    `Cannot receive ${maxBytes} bytes: expected an integer above 0`;
  return typeof maxBytes === "number"
    ? new RangeError(message)
    : new TypeError(message);
}
