import type { Handle, HandleEvents } from "../../net/handle.ts";
import type { DenoSocket } from "./api.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The buffer of a connection starts small, for there may be many idle ones… */
const MIN_BUFFER = 1024;
/** …and grows while reads fill it, as far as throughput grows with it. */
const MAX_BUFFER = 262_144;
/** The first buffers are cut from one that takes no memory until it is used. */
const SLAB_BYTES = 1_048_576;

let slab = new Uint8Array(0);

function firstBuffer(): Bytes {
  if (slab.length === 0) slab = new Uint8Array(SLAB_BYTES);
  const buffer = slab.subarray(0, MIN_BUFFER);
  slab = slab.subarray(MIN_BUFFER);
  return buffer;
}

/** The callbacks of a read: made once, not once per read. */
interface AfterRead {
  readonly done: (length: number | null) => void;
  readonly failed: (error: unknown) => void;
}

/** A `Deno.Conn`, read and written by the verbs of {@linkcode Handle}. */
export class DenoHandle implements Handle {
  events: HandleEvents | undefined;
  readonly #socket: DenoSocket;
  /** Whether to read on after the read under way. */
  #isReading = false;
  /** Whether a read is under way: it cannot be cancelled. */
  #isPending = false;
  #maxBytes = 0;
  #bufferSize = MIN_BUFFER;
  #buffer: Bytes | null = null;
  /** The part of the buffer that the read under way fills. */
  #target: Bytes | null = null;
  /** The filled part of the buffer: messages are often of one length. */
  #filled: Bytes | null = null;
  #afterRead: AfterRead | null = null;

  constructor(socket: DenoSocket) {
    this.#socket = socket;
  }

  readStart(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#isReading = true;
    // A read that an aborted call left under way serves this one.
    if (!this.#isPending) this.#read();
  }

  readStop(): void {
    this.#isReading = false;
  }

  detach(): void {
    this.#buffer = this.#filled = null;
  }

  write(data: Uint8Array): Promise<number> {
    return this.#socket.write(data);
  }

  async shutdown(): Promise<void> {
    await this.#socket.closeWrite();
  }

  close(): void {
    this.#isReading = false;
    this.#socket.close();
  }

  #read(): void {
    this.#isPending = true;
    const buffer = this.#buffer ??= this.#bufferSize === MIN_BUFFER
      ? firstBuffer()
      : new Uint8Array(this.#bufferSize);
    const target = this.#maxBytes < buffer.length
      ? buffer.subarray(0, this.#maxBytes)
      : buffer;
    this.#target = target;
    // Not an async function: one that waits for ever takes half a kilobyte.
    const { done, failed } = this.#afterRead ??= this.#makeAfterRead();
    this.#socket.read(target).then(done, failed);
  }

  #makeAfterRead(): AfterRead {
    return {
      done: (length) => {
        this.#isPending = false;
        if (length === null) return this.#end();
        const target = this.#target!;
        const isFull = length === target.length;
        this.events!.onData(isFull ? target : this.#fillView(target, length));
        if (isFull) this.#grow();
        if (this.#isReading && !this.#isPending) this.#read();
      },
      failed: (error) => {
        this.#isPending = this.#isReading = false;
        this.events!.onError(error);
      },
    };
  }

  #fillView(target: Bytes, length: number): Bytes {
    const view = this.#filled;
    if (view?.length === length && view.buffer === target.buffer) return view;
    return this.#filled = target.subarray(0, length);
  }

  /** Reads into a larger buffer from now on, as far as it is of use. */
  #grow(): void {
    // Small receives need no large buffer, but large ones some room beyond.
    if (this.#bufferSize >= Math.min(4 * this.#maxBytes, MAX_BUFFER)) return;
    this.#bufferSize = Math.min(4 * this.#bufferSize, MAX_BUFFER);
    this.detach();
  }

  /**
   * Reports the end, one turn later while a write is under way: the kernel
   * reports a reset once, and if the write meets it, the read sees an end.
   */
  #end(): void {
    this.#isReading = false;
    const events = this.events!;
    if (events.isWriting) setTimeout(() => events.onEnd());
    else events.onEnd();
  }
}
