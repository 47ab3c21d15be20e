import type { SocketError } from "../errors.ts";
import type { Handle } from "./handle.ts";
import type { SendQueue } from "./send_queue.ts";
import { rejectCall } from "./stack.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a pipe takes from. */
export interface PipeSource {
  /** How much was received before, and is kept. */
  readonly length: number;
  readonly hasEnded: boolean;
  /** Takes the first of what is kept. */
  take(maxBytes: number): Bytes;
  /** The error of a receive now, if the connection is closed or has failed. */
  failure(): SocketError | null;
  /** The pipe is over. */
  onPipeEnd(pipe: Pipe): void;
}

/** What a pipe sends to. */
export interface PipeDestination {
  readonly sending: SendQueue;
  closeWrite(): Promise<void>;
}

/** The callbacks of a chunk that took time: made once, not once per chunk. */
interface AfterChunk {
  readonly sent: () => void;
  readonly failed: (error: unknown) => void;
}

/** The most that a pipe reads at once. */
const PIPE_BYTES = 262_144;

/** Sends what comes to a destination, as fast as that takes it. */
export class Pipe {
  readonly #settling: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #source: PipeSource;
  readonly #handle: Handle;
  readonly #destination: PipeDestination;
  readonly #preventClose: boolean;
  /** Whether chunks go to the destination as they come. */
  #isReading = false;
  #isOver = false;
  #afterChunk: AfterChunk | null = null;

  constructor(
    source: PipeSource,
    handle: Handle,
    destination: PipeDestination,
    preventClose: boolean,
  ) {
    this.#source = source;
    this.#handle = handle;
    this.#destination = destination;
    this.#preventClose = preventClose;
  }

  get promise(): Promise<void> {
    return this.#settling.promise;
  }

  /** Whether it sends the next chunk from where the handle read it. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Sends what is kept, then reads on. */
  continue(): void {
    if (this.#isOver) return;
    const source = this.#source;
    while (source.length > 0) {
      const sent = this.#destination.sending.send(source.take(PIPE_BYTES));
      if (sent !== undefined) return this.#await(sent);
    }
    const failure = source.failure();
    if (source.hasEnded) this.end();
    else if (failure !== null) this.reject(failure);
    else {
      this.#isReading = true;
      this.#handle.readStart(PIPE_BYTES);
    }
  }

  onChunk(chunk: Bytes): void {
    const sent = this.#destination.sending.send(chunk);
    if (sent === undefined) return;
    // The destination is full, so the peer is held back until it has room.
    this.#isReading = false;
    this.#handle.readStop();
    this.#await(sent);
  }

  /** Ends once the destination has taken everything. */
  end(): void {
    const destination = this.#destination;
    const end = () => {
      if (!this.#finish()) return;
      const { resolve } = this.#settling;
      resolve(this.#preventClose ? undefined : destination.closeWrite());
    };
    const flushed = destination.sending.flush();
    if (flushed === undefined) end();
    else flushed.then(end, (error) => this.reject(error));
  }

  /** Ends by an error, as an abort, which need not be the connection's. */
  reject(reason: unknown): void {
    if (this.#isOver) return;
    // The destination may still be sending the last chunk.
    this.#handle.detach?.();
    this.#handle.readStop();
    this.#finish();
    rejectCall(this.#settling, reason);
  }

  #await(chunk: Promise<void>): void {
    const { sent, failed } = this.#afterChunk ??= {
      sent: () => this.continue(),
      failed: (error) => this.reject(error),
    };
    chunk.then(sent, failed);
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#source.onPipeEnd(this);
    return true;
  }
}
