import type { SocketError } from "../errors.ts";
import type { PipeOptions } from "../socket.ts";
import { rejectIfAborted, rejectOnAbort } from "./abort.ts";
import type { Frame } from "./frame.ts";
import type { Handle } from "./handle.ts";
import { Pipe, type PipeDestination, type PipeSource } from "./pipe.ts";
import { ReceiveBuffer } from "./receive_buffer.ts";
import { rejectCall } from "./stack.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The errors of a connection's receives. */
export interface ReceiveErrors {
  readonly isClosed: boolean;
  /** The error of a receive now, if the connection is closed or has failed. */
  receiveFailure(): SocketError | null;
  /** Makes the error of a call that only receiving has. */
  receiveError(code: "EBUSY" | "EOF" | "EMSGSIZE"): SocketError;
}

/** Read at a time; what a call does not take, the next one gets. */
const READ_BYTES = 65_536;
/** The most that is read ahead of a receive, to notice a reset. */
const WATCH_BYTES = 1024;
/** Chunks up to this size are copied: cheaper than a new read buffer. */
const COPIED_BYTES = 1024;

/**
 * The receiving side of a connection: one call at a time, which waits for any
 * bytes, for a frame, or passes all of them on.
 */
export class Receiving implements PipeSource {
  bytesReceived = 0;
  /** Whether the peer has ended its side. */
  hasEnded = false;
  readonly #handle: Handle;
  readonly #errors: ReceiveErrors;
  /** What no call has taken yet; made when there is something. */
  #buffer: ReceiveBuffer | null = null;
  /** The call that waits, unless it is a pipe. */
  #receiver: PromiseWithResolvers<Bytes | null> | null = null;
  /** What it waits for: a frame, or any bytes. */
  #frame: Frame | null = null;
  #maxBytes = 0;
  /** Whether to notice a reset while no call receives. */
  #isWatching = false;
  #hasFailed = false;
  #pipe: Pipe | null = null;

  constructor(handle: Handle, errors: ReceiveErrors) {
    this.#handle = handle;
    this.#errors = errors;
  }

  get isBusy(): boolean {
    return this.#receiver !== null || this.#pipe !== null;
  }

  get length(): number {
    return this.#buffer === null ? 0 : this.#buffer.length;
  }

  recv(maxBytes: number, signal?: AbortSignal): Promise<Bytes | null> {
    const refused = this.#refuse(signal);
    if (refused !== undefined) return refused;
    if (this.length > 0) return Promise.resolve(this.take(maxBytes));
    if (this.hasEnded) return Promise.resolve(null);
    const failure = this.failure();
    if (failure !== null) return Promise.reject(failure);
    this.#maxBytes = maxBytes;
    return this.#wait(Math.max(maxBytes, READ_BYTES), signal);
  }

  /** Receives the next frame. */
  recvFrame(frame: Frame, signal?: AbortSignal): Promise<Bytes | null> {
    const refused = this.#refuse(signal);
    if (refused !== undefined) return refused;
    try {
      const received = this.#takeFrame(frame);
      if (received !== undefined) return Promise.resolve(received);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#frame = frame;
    return this.#wait(READ_BYTES, signal);
  }

  pipeTo(
    destination: PipeDestination,
    { signal, preventClose = false }: PipeOptions = {},
  ): Promise<void> {
    const refused = this.#refuse(signal);
    if (refused !== undefined) return refused;
    const pipe = new Pipe(this, this.#handle, destination, preventClose);
    this.#pipe = pipe;
    if (signal !== undefined) {
      rejectOnAbort(signal, pipe.promise, () => pipe.reject(signal.reason));
    }
    pipe.continue();
    return pipe.promise;
  }

  take(maxBytes: number): Bytes {
    const buffer = this.#buffer!;
    const bytes = buffer.take(Math.min(maxBytes, buffer.length));
    this.bytesReceived += bytes.length;
    if (this.#isWatching) this.#readAhead();
    return bytes;
  }

  /** Takes bytes back that were the last ones received. */
  unshift(bytes: Bytes): void {
    const rest = this.length > 0 ? this.#buffer!.take(this.length) : null;
    const buffer = this.#buffer ??= new ReceiveBuffer();
    buffer.adopt(bytes);
    if (rest !== null) buffer.append(rest);
  }

  failure(): SocketError | null {
    return this.#errors.receiveFailure();
  }

  onData(chunk: Bytes): void {
    const receiver = this.#receiver;
    const isAny = receiver !== null && this.#frame === null;
    if (isAny && chunk.length <= this.#maxBytes) {
      this.bytesReceived += chunk.length;
      this.#settle().resolve(this.#own(chunk));
    } else if (this.#pipe !== null && this.#pipe.isReading) {
      this.bytesReceived += chunk.length;
      this.#pipe.onChunk(chunk);
    } else {
      this.#keep(chunk);
      if (isAny) this.#settle().resolve(this.take(this.#maxBytes));
      else if (receiver !== null) this.#continueFrame();
      // It was read before reading could stop.
      else this.#handle.readStop();
    }
  }

  onEnd(): void {
    this.hasEnded = true;
    if (this.#frame !== null) this.#continueFrame();
    // What is kept comes before the end.
    else if (this.length === 0) {
      if (this.#receiver !== null) this.#settle().resolve(null);
      this.#pipe?.end();
    }
  }

  /**
   * From now on reads without a call, too, so that a reset is noticed: up to
   * the next chunk, which is kept.
   */
  watch(): void {
    this.#isWatching = true;
    this.#readAhead();
  }

  /** Rejects the call that waits; the connection has failed. */
  fail(): void {
    this.#hasFailed = true;
    // Made only for a call that waits: an error takes longer than the close.
    if (this.#receiver !== null) rejectCall(this.#settle(), this.failure());
    this.#pipe?.reject(this.failure());
  }

  /** Drops what is kept, too; the connection is closed. */
  close(): void {
    this.#buffer = null;
    this.fail();
  }

  onPipeEnd(): void {
    this.#pipe = null;
    if (this.#isWatching) this.#readAhead();
  }

  #refuse(signal: AbortSignal | undefined): Promise<never> | undefined {
    if (this.#errors.isClosed) return Promise.reject(this.failure());
    if (this.isBusy) return Promise.reject(this.#errors.receiveError("EBUSY"));
    return signal === undefined ? undefined : rejectIfAborted(signal);
  }

  #wait(size: number, signal?: AbortSignal): Promise<Bytes | null> {
    const receiver = Promise.withResolvers<Bytes | null>();
    this.#receiver = receiver;
    if (signal !== undefined) {
      rejectOnAbort(signal, receiver.promise, () => {
        if (this.#receiver === receiver) this.#settle().reject(signal.reason);
      });
    }
    this.#handle.readStart(size);
    return receiver.promise;
  }

  /** Stops reading, and returns the call to settle. */
  #settle(): PromiseWithResolvers<Bytes | null> {
    const receiver = this.#receiver!;
    this.#receiver = this.#frame = null;
    this.#handle.readStop();
    if (this.#isWatching) this.#readAhead();
    return receiver;
  }

  #readAhead(): void {
    const isOver = this.hasEnded || this.#hasFailed;
    const isFree = !this.isBusy && this.length === 0 && !isOver;
    if (isFree) this.#handle.readStart(WATCH_BYTES);
  }

  #continueFrame(): void {
    try {
      const received = this.#takeFrame(this.#frame!);
      if (received !== undefined) this.#settle().resolve(received);
    } catch (error) {
      rejectCall(this.#settle(), error);
    }
  }

  /** Takes a frame, `null` at the end, or nothing if there is more to come. */
  #takeFrame(frame: Frame): Bytes | null | undefined {
    const buffer = this.#buffer ??= new ReceiveBuffer();
    const length = frame.lengthIn(buffer);
    if (length === -1) throw this.#errors.receiveError("EMSGSIZE");
    if (length !== undefined) return this.take(length);
    if (this.hasEnded) {
      if (buffer.length === 0) return null;
      throw this.#errors.receiveError("EOF");
    }
    const failure = this.failure();
    if (failure !== null) throw failure;
    buffer.shrink();
  }

  #keep(chunk: Bytes): void {
    const buffer = this.#buffer ??= new ReceiveBuffer();
    if (buffer.length > 0) buffer.append(chunk);
    else buffer.adopt(this.#own(chunk));
  }

  /**
   * Returns a chunk that the caller may keep: a copy, or the chunk with its
   * buffer where it fills half of it or more.
   */
  #own(chunk: Bytes): Bytes {
    const handle = this.#handle;
    if (handle.toPlain !== undefined) return handle.toPlain(chunk);
    if (handle.detach === undefined) return chunk;
    const { length } = chunk;
    if (length <= COPIED_BYTES || length < chunk.buffer.byteLength / 2) {
      return chunk.slice();
    }
    handle.detach();
    return chunk;
  }
}
