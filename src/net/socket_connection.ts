import type { SocketError, SocketErrorCode } from "../errors.ts";
import {
  type AbortOptions,
  type Address,
  type Connection,
  formatAddress,
  type PipeOptions,
} from "../socket.ts";
import { fault, toFault } from "./socket_error.ts";
import { onAbort, refusal } from "./wait_queue.ts";
import { DONE, SendingSide } from "./sending.ts";
import { readableOf, writableOf } from "./streams.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Receiver = PromiseWithResolvers<Bytes | null>;

/** A `pipeTo` that waits for the end. */
interface Relay extends PromiseWithResolvers<void> {
  readonly destination: BaseConnection;
  readonly preventClose: boolean;
}

/** Stands for a `recv` whose promise is the runtime's to settle. */
const DIRECT: Receiver = {
  promise: Promise.resolve(null),
  resolve() {},
  reject() {},
};

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
  /** The `recv` that waits, or the `pipeTo`: never both. */
  #receiver: Receiver | null = null;
  #maxBytes = 0;
  #relay: Relay | null = null;

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
    const refused = signal === undefined ? undefined : refusal(signal);
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
    const receiver: Receiver = Promise.withResolvers();
    this.#receiver = receiver;
    if (signal !== undefined) this.#heed(signal, receiver);
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
    return destination instanceof BaseConnection
      ? this.#relayTo(destination, options)
      : this.#relayByHand(destination, options);
  }

  close(): Promise<void> {
    if (this.#closed) return DONE;
    this.#closed = true;
    this.#chunks = [];
    const sends = this.takeSends();
    this.release();
    if (this.wanted) this.#giveUp(this.fault("EBADF", "receive"));
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
    return this.#receiver !== null || this.#relay !== null;
  }

  /** Whether the peer has ended its side. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether what comes goes to `forward` instead of `push`. */
  get relaying(): boolean {
    return this.#relay !== null && this.#chunks.length === 0;
  }

  /** The `pipeTo` that waits: tells one from the next. */
  get relay(): unknown {
    return this.#relay;
  }

  /** What a direct read resolves with. */
  protected received(chunk: Bytes | null): Bytes | null {
    if (this.#closed) throw this.fault("EBADF", "receive");
    this.#receiver = null;
    if (chunk !== null) this.bytesReceived += chunk.length;
    else if (this.#failure !== null) throw this.#failure;
    else this.#ended = true;
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
    const receiver = this.#receiver;
    if (receiver === null) return;
    this.#receiver = null;
    receiver.resolve(this.#take(this.#maxBytes));
  }

  /** Relays bytes; no promise where the destination took them at once. */
  forward(chunk: Uint8Array): Promise<void> | void {
    this.bytesReceived += chunk.length;
    return this.#relay!.destination.transmit(chunk);
  }

  /** The destination failed: the relay is over, this connection is not. */
  abandon(error: unknown, relay: unknown): void {
    if (relay !== null && this.#relay === relay) this.#giveUp(error);
  }

  /** The peer ended its side. */
  end(): void {
    if (this.#closed || this.#failure !== null) return;
    this.#ended = true;
    if (this.#chunks.length > 0) return;
    this.#receiver?.resolve(null);
    this.#receiver = null;
    if (this.#relay !== null) this.#endRelay(this.#relay);
  }

  /** A relay is through when its destination has taken the last of it. */
  #endRelay(relay: Relay): void {
    const { destination, preventClose } = relay;
    const through = () => {
      if (this.#relay !== relay) return;
      this.#relay = null;
      relay.resolve(preventClose ? undefined : destination.closeWrite());
    };
    const flushed = destination.flushed();
    if (flushed === undefined) through();
    else flushed.then(through, (error) => this.abandon(error, relay));
  }

  /** The connection broke. The first error is the one that is reported. */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#failure ??= toFault(error, this.#cannot("receive"));
    this.#giveUp(this.#failure);
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

  #relayTo(
    destination: BaseConnection,
    { signal, preventClose = false }: PipeOptions = {},
  ): Promise<void> {
    const broken = this.#cannotReceive();
    if (broken !== null) return Promise.reject(broken);
    const refused = refusal(signal);
    if (refused !== undefined) return refused;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const relay = { promise, resolve, reject, destination, preventClose };
    this.#relay = relay;
    if (signal !== undefined) this.#heed(signal, relay);
    if (this.#chunks.length === 0) this.#startRelay(relay);
    else this.#relayQueued(relay);
    return promise;
  }

  #startRelay(relay: Relay): void {
    if (this.#ended) this.#endRelay(relay);
    else if (this.#failure !== null) this.#giveUp(this.#failure);
    else this.read(65536);
  }

  /** What is queued goes first; nothing is read meanwhile. */
  async #relayQueued(relay: Relay): Promise<void> {
    try {
      while (this.#chunks.length > 0 && this.#relay === relay) {
        await relay.destination.transmit(this.#take(65536));
      }
      if (this.#relay === relay) this.#startRelay(relay);
    } catch (error) {
      this.abandon(error, relay);
    }
  }

  async #relayByHand(
    destination: Connection,
    { signal, preventClose }: PipeOptions = {},
  ): Promise<void> {
    for (let data; (data = await this.recv(65536, { signal })) !== null;) {
      await destination.send(data);
    }
    if (!preventClose) await destination.closeWrite();
  }

  /** What waits stops waiting when the signal aborts. */
  #heed(signal: AbortSignal, waiting: Receiver | Relay): void {
    onAbort(signal, waiting.promise, () => {
      const current = this.#receiver === waiting || this.#relay === waiting;
      if (current) this.#giveUp(signal.reason);
    });
  }

  /** Rejects what waits. */
  #giveUp(reason: unknown): void {
    const waiting = this.#receiver ?? this.#relay;
    this.#receiver = this.#relay = null;
    waiting?.reject(reason);
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
    if (this.wanted) return this.fault("EBUSY", "receive");
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
