import type { SocketError, SocketErrorCode } from "../errors.ts";

const encoder = new TextEncoder();
/** Shared by every call that is through at once. */
export const DONE: Promise<void> = Promise.resolve();

const NOTHING = new Uint8Array(0);

interface QueuedSend extends PromiseWithResolvers<void> {
  /** `null` is the FIN. */
  data: Uint8Array | null;
}

/** The sending side of a connection: the order of sends, and their end. */
export abstract class SendingSide {
  bytesSent = 0;
  #finished: Promise<void> | null = null;
  #sending = false;
  #sends: QueuedSend[] | null = null;

  /**
   * Sends all of it, one call at a time; no promise where the runtime took it
   * at once, otherwise one that rejects with what `explain` says, and a call
   * of `written` at the end. Adds to `bytesSent` as bytes go, so that a slow
   * send shows.
   */
  protected abstract write(data: Uint8Array): Promise<void> | void;
  /** Sends the FIN. */
  protected abstract finish(): Promise<void> | void;
  /** Why nothing can be sent any more, if so. */
  protected abstract broken(): SocketError | null;
  /** The error to show for one that a system call met. */
  protected abstract explain(error: unknown): SocketError;
  /** An error of ours. */
  protected abstract fault(code: SocketErrorCode, doing: string): SocketError;

  send(data: Uint8Array | string): Promise<void> {
    if (typeof data === "string") data = encoder.encode(data);
    else if (!(data instanceof Uint8Array)) {
      return Promise.reject(
        new TypeError(
          `Cannot send ${typeof data}: expected Uint8Array or string`,
        ),
      );
    }
    return this.transmit(data) ?? DONE;
  }

  closeWrite(): Promise<void> {
    const broken = this.broken();
    if (broken?.code === "EBADF") return Promise.reject(broken);
    // After a failure nobody is left to tell; `recv` and `send` report it.
    if (broken !== null) return this.#finished ??= DONE;
    return this.#finished ??= this.#sending ? this.#queue(null) : this.#end();
  }

  /** `send` as relays use it: no promise where none is needed. */
  transmit(data: Uint8Array): Promise<void> | void {
    const broken = this.broken();
    if (broken !== null) return Promise.reject(broken);
    if (this.#finished !== null) {
      return Promise.reject(this.fault("EPIPE", "send"));
    }
    return this.#sending ? this.#queue(data) : this.#start(data);
  }

  #start(data: Uint8Array): Promise<void> | void {
    try {
      const writing = this.write(data);
      if (writing !== undefined) this.#sending = true;
      return writing;
    } catch (error) {
      return Promise.reject(this.explain(error));
    }
  }

  /** A `write` that took its time is through: the next one may start. */
  protected written(): void {
    this.#sending = false;
    while (!this.#sending) {
      const send = this.#sends?.shift();
      if (send === undefined) return;
      const broken = this.broken();
      const sending = broken !== null
        ? Promise.reject(broken)
        : send.data === null
        ? this.#end()
        : this.#start(send.data);
      if (sending === undefined) send.resolve();
      else sending.then(send.resolve, send.reject);
    }
  }

  /** Waits for the sends so far, where any are under way. */
  flushed(): Promise<void> | void {
    if (this.#sending) return this.#queue(NOTHING);
  }

  /** Empties the queue; whoever takes the sends settles them. */
  protected takeSends(): QueuedSend[] {
    return this.#sends?.splice(0) ?? [];
  }

  #queue(data: Uint8Array | null): Promise<void> {
    const send: QueuedSend = { ...Promise.withResolvers<void>(), data };
    (this.#sends ??= []).push(send);
    return send.promise;
  }

  /** Sends the FIN; later sends are refused already. */
  #end(): Promise<void> {
    let ending: Promise<void> | void;
    try {
      ending = this.finish();
    } catch (error) {
      return Promise.reject(this.explain(error));
    }
    return ending?.catch((error) => {
      throw this.explain(error);
    }) ?? DONE;
  }
}
