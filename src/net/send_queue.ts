import type { SocketError } from "../errors.ts";
import { arrayChanged, concat } from "./bytes.ts";
import { Fifo } from "./fifo.ts";
import type { Handle } from "./handle.ts";
import { SendBatch } from "./send_batch.ts";
import { rejectCall } from "./stack.ts";

/** The calls that send. */
export type SendCall = "send" | "closeWrite";

/** The errors of a connection's sends. */
export interface SendErrors {
  /** The error of a call now, if the connection is closed or has failed. */
  sendFailure(call?: SendCall): SocketError | null;
  /** The error to report for one that a write, or the FIN, met. */
  sendError(error: unknown, call?: SendCall): SocketError;
  /** The error of a send after the FIN. */
  endedError(): SocketError;
  /** The FIN has been sent. */
  onFinish(): void;
}

/** What to settle once a write is done. */
type Settling = Pick<PromiseWithResolvers<void>, "resolve" | "reject">;

interface QueuedSend extends Settling {
  /** `null` is the FIN. */
  readonly data: Uint8Array | null;
  readonly length: number;
}

/** The callbacks of a write that returned a promise. */
interface AfterWrite {
  readonly taken: (length: number) => Promise<void> | void;
  readonly failed: (error: unknown) => void;
}

const NOTHING = new Uint8Array(0);
/** Sends that wait are joined up to this size: beyond, a copy costs more. */
const JOINED_BYTES = 65_536;
/** Copied when they have to wait: a promise and a place of their own cost more. */
const COPIED_BYTES = 1024;
/** Shared by every call that is done at once. */
export const DONE: Promise<void> = Promise.resolve();

/** The sending side of a connection: whole sends, in order, then the FIN. */
export class SendQueue {
  bytesSent = 0;
  /** Whether the FIN has been sent. */
  isFinished = false;
  /** Whether sends are taken: not after the FIN, a failure or a close. */
  isOpen = true;
  readonly #handle: Handle;
  readonly #errors: SendErrors;
  /** What the write under way has not taken yet. */
  #unsent: Uint8Array | null = null;
  /** Its length, for the caller may transfer or resize the array. */
  #unsentLength = 0;
  /** The send that is being written, unless its promise is the write's. */
  #current: Settling | null = null;
  #sends: Fifo<QueuedSend> | null = null;
  /** The last that waits, if it is a batch, which takes more. */
  #batch: SendBatch | null = null;
  #finished: Promise<void> | null = null;
  #afterWrite: AfterWrite | null = null;

  constructor(handle: Handle, errors: SendErrors) {
    this.#handle = handle;
    this.#errors = errors;
  }

  /** Whether a write has not taken everything yet. */
  get isWriting(): boolean {
    return this.#unsent !== null;
  }

  /** Sends all of it; returns no promise if the handle took it at once. */
  send(data: Uint8Array): Promise<void> | void {
    if (!this.isOpen) {
      const failure = this.#errors.sendFailure() ?? this.#errors.endedError();
      return Promise.reject(failure);
    }
    if (this.isWriting) return this.#enqueue(data);
    try {
      return this.#write(data);
    } catch (error) {
      return Promise.reject(this.#errors.sendError(error));
    }
  }

  /** Waits for the sends so far; returns no promise if there are none. */
  flush(): Promise<void> | void {
    if (this.isWriting) return this.#enqueue(NOTHING);
  }

  /** Sends the FIN behind them. */
  end(): Promise<void> {
    this.isOpen = false;
    return this.#finished ??= this.isWriting
      ? this.#enqueue(null)
      : this.#shutdown();
  }

  /** Takes no more sends; those that wait fail at their turn. */
  fail(): void {
    this.isOpen = false;
  }

  /** Rejects every send that waits; the connection is closed. */
  close(): void {
    this.isOpen = false;
    this.#batch = null;
    const current = this.#current;
    if (current !== null) rejectCall(current, this.#errors.sendFailure());
    this.#rejectAll();
  }

  /** The handle has room again. */
  onDrain(): void {
    // Bun also reports a drain when no write waits for it.
    if (this.#current !== null) this.#continue();
  }

  /** The handle is closed, which ends a write that waits for room. */
  onClose(error?: Error): void {
    if (this.#current !== null) {
      this.#writeDone(error ?? this.#errors.endedError());
    }
  }

  #enqueue(data: Uint8Array | null): Promise<void> {
    if (data !== null && data.length <= COPIED_BYTES) return this.#copy(data);
    this.#batch = null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const length = data?.length ?? 0;
    (this.#sends ??= new Fifo()).push({ resolve, reject, data, length });
    return promise;
  }

  #copy(data: Uint8Array): Promise<void> {
    let batch = this.#batch;
    if (batch === null || batch.length + data.length > JOINED_BYTES) {
      batch = this.#batch = new SendBatch();
      (this.#sends ??= new Fifo()).push(batch);
    }
    batch.add(data);
    return batch.promise;
  }

  /** Starts a write; none is under way. Throws what the handle throws. */
  #write(data: Uint8Array): Promise<void> | void {
    if (data.length === 0) return;
    const taken = this.#handle.write(data);
    if (typeof taken !== "number") {
      this.#unsent = data;
      this.#unsentLength = data.length;
      const after = this.#afterWrite ??= this.#makeAfterWrite();
      return taken.then(after.taken, after.failed);
    }
    this.bytesSent += taken;
    if (taken === data.length) return;
    this.#unsentLength = data.length - taken;
    this.#unsent = data.subarray(taken);
    if (this.#current !== null) return;
    const current = this.#current = Promise.withResolvers<void>();
    return current.promise;
  }

  /** Makes the callbacks of a write once, not once per write. */
  #makeAfterWrite(): AfterWrite {
    return {
      taken: (length) => {
        const data = this.#unsent;
        this.bytesSent += length;
        // The handle has closed, which ended the write.
        if (data === null) return;
        const left = this.#unsentLength - length;
        if (left === 0) return this.#writeDone();
        const isChanged = data.length !== this.#unsentLength;
        if (isChanged) return this.#writeDone(arrayChanged());
        this.#unsentLength = left;
        this.#unsent = data.subarray(length);
        return this.#continue();
      },
      failed: (error) => {
        if (this.isWriting) this.#writeDone(error);
      },
    };
  }

  /** Writes the rest of a write that took a part. */
  #continue(): Promise<void> | void {
    const failure = this.#errors.sendFailure();
    if (failure !== null) return this.#writeDone(failure);
    const data = this.#unsent!;
    if (data.length !== this.#unsentLength) {
      return this.#writeDone(arrayChanged());
    }
    this.#unsent = null;
    try {
      const written = this.#write(data);
      if (this.isWriting) return written;
    } catch (error) {
      return this.#writeDone(error);
    }
    this.#writeDone();
  }

  /**
   * Settles the write under way and starts the next one. Throws the failure of
   * a write that is a promise itself, which then rejects.
   */
  #writeDone(error?: unknown): void {
    const failure = error === undefined
      ? undefined
      : this.#errors.sendError(error);
    const send = this.#current;
    this.#current = this.#unsent = null;
    if (failure === undefined) send?.resolve();
    else if (send !== null) rejectCall(send, failure);
    this.#sendNext();
    if (send === null && failure !== undefined) throw failure;
  }

  #sendNext(): void {
    while (!this.isWriting) {
      const send = this.#next();
      if (send === undefined) return;
      const failure = this.#errors.sendFailure(callOf(send));
      if (failure !== null) {
        rejectCall(send, failure);
        return this.#rejectAll();
      }
      if (send.data === null) send.resolve(this.#shutdown());
      else this.#writeQueued(send, send.data);
    }
  }

  /** Rejects those that wait; many share an error, for a stack takes time. */
  #rejectAll(): void {
    let failure: SocketError | null = null;
    for (const send of this.#sends?.clear() ?? []) {
      const isFirst = failure === null || send.data === null;
      if (isFirst) failure = this.#errors.sendFailure(callOf(send));
      if (isFirst) rejectCall(send, failure);
      else send.reject(failure);
    }
  }

  /** Takes the next send, joined with those behind it that are small. */
  #next(): QueuedSend | undefined {
    const sends = this.#sends;
    const first = sends?.shift();
    if (sends === null || first === undefined) return undefined;
    if (first === this.#batch) this.#batch = null;
    const arrays: Uint8Array[] = [];
    const parts: QueuedSend[] = [];
    let length = 0;
    for (let next: QueuedSend | undefined = first; next !== undefined;) {
      const { data } = next;
      length += next.length;
      const isWhole = data !== null && data.length === next.length;
      if (!isWhole || length > JOINED_BYTES) break;
      if (next !== first) sends.shift();
      if (next === this.#batch) this.#batch = null;
      arrays.push(data);
      parts.push(next);
      next = sends.peek();
    }
    return parts.length < 2 ? first : join(arrays, parts);
  }

  #writeQueued(send: QueuedSend, data: Uint8Array): void {
    // `#writeDone` resolves it, so that sends resolve in their order.
    this.#current = send;
    try {
      if (data.length !== send.length) throw arrayChanged();
      this.#write(data);
      if (this.isWriting) return;
      send.resolve();
    } catch (error) {
      rejectCall(send, this.#errors.sendError(error));
    }
    this.#current = null;
  }

  async #shutdown(): Promise<void> {
    try {
      await this.#handle.shutdown();
      this.isFinished = true;
      this.#errors.onFinish();
    } catch (error) {
      throw this.#errors.sendError(error, "closeWrite");
    }
  }
}

function callOf({ data }: QueuedSend): SendCall {
  return data === null ? "closeWrite" : "send";
}

/** Makes one send of several, which settle together. */
function join(arrays: Uint8Array[], parts: QueuedSend[]): QueuedSend {
  const data = concat(arrays);
  return {
    data,
    length: data.length,
    resolve: (value) => parts.forEach(({ resolve }) => resolve(value)),
    reject: (reason) => parts.forEach(({ reject }) => reject(reason)),
  };
}
