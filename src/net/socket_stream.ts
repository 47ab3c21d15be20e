import { SocketError, type SocketErrorCode } from "../errors.ts";
import { type Address, formatAddress, type PipeOptions } from "../socket.ts";
import { rejectIfAborted, rejectOnAbort } from "./abort.ts";
import type { Handle, HandleEvents } from "./handle.ts";
import { DONE, type SendErrors, SendQueue } from "./send_queue.ts";
import {
  type NativeError,
  socketError,
  toSocketError,
} from "./socket_error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A `recv` that waits. */
type Receiver = PromiseWithResolvers<Bytes | null>;

/** A `pipeTo` under way. */
interface Pipe {
  readonly resolve: (ended: Promise<void> | void) => void;
  readonly reject: (reason: unknown) => void;
  readonly destination: SocketStream;
  readonly preventClose: boolean;
  /** Whether chunks go to the destination as they come. */
  isReading: boolean;
  /** The callbacks of a chunk that took time: made once, not per chunk. */
  afterChunk: { sent: () => void; failed: (error: unknown) => void } | null;
}

/** The most that a pipe reads at once. */
const PIPE_BYTES = 262_144;
/** The most that is read ahead of a receive, to notice a reset. */
const WATCH_BYTES = 1024;
/** Chunks up to this size are copied: cheaper than a new read buffer. */
const COPIED_BYTES = 1024;

/**
 * A stream over a runtime's {@linkcode Handle}, which it drives and listens to.
 * It holds every rule of receiving: one call at a time, aborts, half-close,
 * pipes, errors; those of sending are in {@linkcode SendQueue}.
 */
export class SocketStream implements HandleEvents, SendErrors {
  readonly sending: SendQueue;
  peer: Address;
  bytesReceived = 0;
  readonly #handle: Handle;
  #closed = false;
  /** The first error of the socket, which every later call reports as its own. */
  #failure: { readonly error: unknown } | null = null;
  /** Whether the peer has ended its side. */
  #ended = false;
  /** Received bytes that no call has taken yet. */
  #chunks: Bytes[] | null = null;
  /** The `recv` that waits, or the `pipeTo`: never both. */
  #receiver: Receiver | null = null;
  #maxBytes = 0;
  #pipe: Pipe | null = null;
  /** Resolved once the connection is over; made when asked for. */
  #over: PromiseWithResolvers<void> | null = null;

  constructor(handle: Handle, peer: Address) {
    handle.events = this;
    this.#handle = handle;
    this.sending = new SendQueue(handle, this);
    this.peer = peer;
  }

  get isWriting(): boolean {
    return this.sending.isWriting;
  }

  get closed(): Promise<void> {
    if (this.#over === null) {
      this.#over = Promise.withResolvers();
      const isOver = this.#closed || this.#failure !== null ||
        (this.#ended && this.sending.isFinished);
      if (isOver) this.#over.resolve();
      else this.#watch();
    }
    return this.#over.promise;
  }

  recv(maxBytes: number, signal?: AbortSignal): Promise<Bytes | null> {
    const refused = this.#refuseReceive(signal);
    if (refused !== undefined) return refused;
    if (this.#chunks !== null) return Promise.resolve(this.#take(maxBytes));
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure !== null) return Promise.reject(this.#failed("receive"));
    const receiver: Receiver = Promise.withResolvers();
    this.#receiver = receiver;
    this.#maxBytes = maxBytes;
    if (signal !== undefined) {
      this.#rejectOnAbort(signal, receiver.promise, receiver);
    }
    this.#handle.readStart(maxBytes);
    return receiver.promise;
  }

  /** Takes bytes back, for the next call. */
  unshift(bytes: Bytes): void {
    (this.#chunks ??= []).unshift(bytes);
  }

  pipeTo(
    destination: SocketStream,
    { signal, preventClose = false }: PipeOptions = {},
  ): Promise<void> {
    const refused = this.#refuseReceive(signal);
    if (refused !== undefined) return refused;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pipe: Pipe = {
      resolve,
      reject,
      destination,
      preventClose,
      isReading: false,
      afterChunk: null,
    };
    this.#pipe = pipe;
    if (signal !== undefined) this.#rejectOnAbort(signal, promise, pipe);
    this.#continuePipe(pipe);
    return promise;
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#error("EBADF", "send"));
    // After a failure no peer is left to send the FIN to; `recv` and `send`
    // report the failure.
    return this.#failure === null ? this.sending.end() : DONE;
  }

  close(): void {
    this.#close(false);
  }

  reset(): void {
    this.#close(true);
  }

  #close(isReset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunks = null;
    const handle = this.#handle;
    if (isReset && handle.reset !== undefined) handle.reset();
    else handle.close();
    const isReceiving = this.#receiver !== null || this.#pipe !== null;
    if (isReceiving) this.#rejectReceive(this.#error("EBADF", "receive"));
    this.sending.close();
    this.#over?.resolve();
  }

  onData(chunk: Bytes): void {
    const receiver = this.#receiver;
    const pipe = this.#pipe;
    if (receiver !== null) {
      this.#receiver = null;
      this.#handle.readStop();
      receiver.resolve(this.#receive(this.#own(chunk)));
      this.#watch();
    } else if (pipe !== null && pipe.isReading) {
      this.#pipeChunk(pipe, chunk);
    } else if (!this.#closed) {
      // It was read before reading could stop: kept for the next call.
      this.#handle.readStop();
      (this.#chunks ??= []).push(this.#own(chunk));
    }
  }

  onEnd(): void {
    if (this.#closed || this.#failure !== null) return;
    this.#ended = true;
    if (this.sending.isFinished) this.#over?.resolve();
    // What is queued comes before the end.
    if (this.#chunks !== null) return;
    this.#receiver?.resolve(null);
    this.#receiver = null;
    if (this.#pipe !== null) this.#endPipe(this.#pipe);
  }

  onError(error: unknown): void {
    this.#fail(error);
  }

  onDrain(): void {
    this.sending.onDrain();
  }

  onClose(error?: NativeError): void {
    // EPIPE: what we sent met a peer that had ended, the end for receiving.
    if (error === undefined || error.code === "EPIPE") this.onEnd();
    else this.#fail(error);
    this.sending.onClose(error);
    this.#over?.resolve();
  }

  onFinish(): void {
    if (this.#ended) this.#over?.resolve();
  }

  sendFailure(): SocketError | null {
    if (this.#closed) return this.#error("EBADF", "send");
    return this.#failure === null ? null : this.#failed("send");
  }

  sendError(error: unknown): SocketError {
    if (this.#closed) return this.#error("EBADF", "send");
    const failure = this.#errorOf(error, "send");
    // The reason of a broken pipe is the reset that another call has met.
    if (failure.code === "EPIPE" && this.#failure !== null) {
      return this.#failed("send");
    }
    // A reset ends both directions, whichever call meets it first; and after a
    // send that went out in part, no other may follow.
    if (["ECONNRESET", "EIO"].includes(failure.code)) this.#fail(error);
    else this.#over?.resolve();
    return failure;
  }

  endedError(): SocketError {
    return this.#error("EPIPE", "send");
  }

  #refuseReceive(signal: AbortSignal | undefined): Promise<never> | undefined {
    if (this.#closed) return Promise.reject(this.#error("EBADF", "receive"));
    if (this.#receiver !== null || this.#pipe !== null) {
      return Promise.reject(this.#error("EBUSY", "receive"));
    }
    return signal === undefined ? undefined : rejectIfAborted(signal);
  }

  /**
   * Returns a chunk that the caller may keep: a copy, or the chunk with its
   * buffer where it fills half of it or more.
   */
  #own(chunk: Bytes): Bytes {
    const handle = this.#handle;
    if (handle.detach === undefined) return chunk;
    const { length } = chunk;
    if (length <= COPIED_BYTES || length < chunk.buffer.byteLength / 2) {
      return chunk.slice();
    }
    handle.detach();
    return chunk;
  }

  /** Returns the first `maxBytes` of a chunk, and queues the rest. */
  #receive(chunk: Bytes): Bytes {
    if (chunk.length > this.#maxBytes) {
      this.#chunks = [chunk];
      return this.#take(this.#maxBytes);
    }
    this.bytesReceived += chunk.length;
    return chunk;
  }

  /** Takes the next queued bytes, at most `maxBytes`, in an array of its own. */
  #take(maxBytes: number): Bytes {
    const chunks = this.#chunks!;
    let [chunk] = chunks;
    if (chunk.length > maxBytes) {
      chunks[0] = chunk.subarray(maxBytes);
      chunk = chunk.slice(0, maxBytes);
    } else if (chunks.length === 1) this.#chunks = null;
    else chunks.shift();
    this.bytesReceived += chunk.length;
    if (this.#chunks === null) this.#watch();
    return chunk;
  }

  /** Keeps the first error, and rejects the call that waits with it. */
  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#failure ??= { error };
    this.#over?.resolve();
    this.sending.fail();
    this.#rejectReceive(this.#failed("receive"));
  }

  /**
   * Reads on without a receiver, so that a reset is noticed: up to the next
   * chunk, which is kept. Only if `closed` has been asked for.
   */
  #watch(): void {
    if (this.#over === null || this.#closed || this.#ended) return;
    if (this.#failure !== null) return;
    const isFree = this.#receiver === null && this.#pipe === null;
    if (isFree && this.#chunks === null) this.#handle.readStart(WATCH_BYTES);
  }

  #rejectOnAbort(
    signal: AbortSignal,
    promise: Promise<unknown>,
    call: Receiver | Pipe,
  ): void {
    rejectOnAbort(signal, promise, () => {
      const isCurrent = this.#receiver === call || this.#pipe === call;
      if (isCurrent) this.#rejectReceive(signal.reason);
    });
  }

  /** Rejects the `recv` or the `pipeTo` that waits. */
  #rejectReceive(reason: unknown): void {
    const call = this.#receiver ?? this.#pipe;
    if (call === null) return;
    // The destination of a pipe may still be sending the last chunk.
    if (this.#pipe !== null) this.#handle.detach?.();
    this.#receiver = this.#pipe = null;
    if (!this.#closed) this.#handle.readStop();
    this.#watch();
    call.reject(reason);
  }

  /** Sends what is queued, then reads on. */
  #continuePipe(pipe: Pipe): void {
    if (this.#pipe !== pipe) return;
    while (this.#chunks !== null) {
      const sent = pipe.destination.sending.send(this.#take(PIPE_BYTES));
      if (sent !== undefined) return this.#awaitChunk(pipe, sent);
    }
    if (this.#ended) this.#endPipe(pipe);
    else if (this.#failure !== null) {
      this.#rejectReceive(this.#failed("receive"));
    } else {
      pipe.isReading = true;
      this.#handle.readStart(PIPE_BYTES);
    }
  }

  #pipeChunk(pipe: Pipe, chunk: Bytes): void {
    this.bytesReceived += chunk.length;
    const sent = pipe.destination.sending.send(chunk);
    if (sent === undefined) return;
    // The destination is full, so the peer is held back until it has room.
    pipe.isReading = false;
    this.#handle.readStop();
    this.#awaitChunk(pipe, sent);
  }

  #awaitChunk(pipe: Pipe, chunk: Promise<void>): void {
    const { sent, failed } = pipe.afterChunk ??= {
      sent: () => this.#continuePipe(pipe),
      failed: (error) => this.#failPipe(pipe, error),
    };
    chunk.then(sent, failed);
  }

  /** Ends a pipe once its destination has taken everything. */
  #endPipe(pipe: Pipe): void {
    const { destination, preventClose } = pipe;
    const end = () => {
      if (this.#pipe !== pipe) return;
      this.#pipe = null;
      pipe.resolve(preventClose ? undefined : destination.closeWrite());
    };
    const flushed = destination.sending.flush();
    if (flushed === undefined) end();
    else flushed.then(end, (error) => this.#failPipe(pipe, error));
  }

  /** The destination failed, which ends the pipe but not this connection. */
  #failPipe(pipe: Pipe, error: unknown): void {
    if (this.#pipe === pipe) this.#rejectReceive(error);
  }

  /** Makes the error of a call after a failure. */
  #failed(verb: string): SocketError {
    return this.#errorOf(this.#failure?.error, verb);
  }

  #errorOf(error: unknown, verb: string): SocketError {
    // TLS on Deno runs over a stream of ours, which has named its own call.
    return error instanceof SocketError
      ? socketError(error.code, this.#call(verb), error.cause)
      : toSocketError(error, this.#call(verb));
  }

  #call(verb: string): string {
    return `Cannot ${verb}, peer ${formatAddress(this.peer)}`;
  }

  #error(code: SocketErrorCode, verb: string): SocketError {
    return socketError(code, this.#call(verb));
  }
}
