import { SocketError, type SocketErrorCode, type Syscall } from "../errors.ts";
import type { Address } from "../socket.ts";
import type { Handle, HandleEvents } from "./handle.ts";
import { type ReceiveErrors, Receiving } from "./receiving.ts";
import {
  DONE,
  type SendCall,
  type SendErrors,
  SendQueue,
} from "./send_queue.ts";
import {
  type FailedCall,
  type NativeError,
  socketError,
  toSocketError,
} from "./socket_error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The ends of messages of which {@linkcode EXPLANATIONS} knows another kind. */
const EXPLANATIONS: Partial<Record<SocketErrorCode, string>> = {
  EMSGSIZE: "no message ends within maxBytes, allow more or receive in parts",
};

const START_TLS_EXPLANATIONS: Record<string, string> = {
  EBUSY: "a receive or a send is pending, wait for it or abort it",
  ENOTSUP: "it is encrypted already",
};

/**
 * A stream over a runtime's {@linkcode Handle}, which it drives and listens to:
 * the two directions, each with its rules, and the errors that end both.
 */
export class SocketStream implements HandleEvents, SendErrors, ReceiveErrors {
  readonly sending: SendQueue;
  readonly receiving: Receiving;
  peer: Address;
  isClosed = false;
  readonly #handle: Handle;
  /** The first error of the socket, which every later call reports as its own. */
  #failure: { readonly error: unknown } | null = null;
  /** Resolved once the connection is over; made when asked for. */
  #over: PromiseWithResolvers<void> | null = null;

  constructor(handle: Handle, peer: Address) {
    handle.events = this;
    this.#handle = handle;
    this.sending = new SendQueue(handle, this);
    this.receiving = new Receiving(handle, this);
    this.peer = peer;
  }

  get isWriting(): boolean {
    return this.sending.isWriting;
  }

  get closed(): Promise<void> {
    if (this.#over === null) {
      this.#over = Promise.withResolvers();
      const isOver = this.isClosed || this.#failure !== null ||
        (this.receiving.hasEnded && this.sending.isFinished);
      if (isOver) this.#over.resolve();
      else this.receiving.watch();
    }
    return this.#over.promise;
  }

  closeWrite(): Promise<void> {
    if (this.isClosed) {
      return Promise.reject(this.#error("EBADF", "closeWrite"));
    }
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
    if (this.isClosed) return;
    this.isClosed = true;
    this.receiving.close();
    const handle = this.#handle;
    if (isReset && handle.reset !== undefined) handle.reset();
    else handle.close();
    this.sending.close();
    this.#over?.resolve();
  }

  /**
   * Gives the handle up, for another stream, and returns what was received and
   * not taken. Throws, and changes nothing, while a call is pending.
   */
  detach(): Bytes | null {
    if (this.isClosed) throw this.startTlsError("EBADF");
    if (this.#failure !== null) throw this.startTlsError(this.#failure.error);
    const { sending, receiving } = this;
    if (receiving.isBusy || sending.isWriting) {
      throw this.startTlsError("EBUSY");
    }
    if (!sending.isOpen) throw this.startTlsError("EPIPE");
    const { length } = receiving;
    const received = length > 0 ? receiving.take(length) : null;
    this.isClosed = true;
    receiving.close();
    sending.close();
    this.#over?.resolve();
    return received;
  }

  /** For the error of a handshake. */
  get startTlsCall(): FailedCall {
    return { syscall: "startTls", address: this.peer };
  }

  /** Makes the error of `startTls`, by a code or a runtime's error. */
  startTlsError(reason: unknown): SocketError {
    if (typeof reason !== "string") return this.#errorOf(reason, "startTls");
    return socketError(
      reason as SocketErrorCode,
      this.startTlsCall,
      undefined,
      START_TLS_EXPLANATIONS[reason],
    );
  }

  onData(chunk: Bytes): void {
    if (!this.isClosed) this.receiving.onData(chunk);
  }

  onEnd(): void {
    if (this.isClosed || this.#failure !== null) return;
    this.receiving.onEnd();
    if (this.sending.isFinished) this.#over?.resolve();
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
    if (this.receiving.hasEnded) this.#over?.resolve();
  }

  receiveFailure(): SocketError | null {
    if (this.isClosed) return this.#error("EBADF", "recv");
    return this.#failure === null ? null : this.#failed("recv");
  }

  receiveError(code: "EBUSY" | "EOF" | "EMSGSIZE"): SocketError {
    return this.#error(code, "recv");
  }

  sendFailure(call: SendCall = "send"): SocketError | null {
    if (this.isClosed) return this.#error("EBADF", call);
    return this.#failure === null ? null : this.#failed(call);
  }

  sendError(error: unknown, call: SendCall = "send"): SocketError {
    if (this.isClosed) return this.#error("EBADF", call);
    const failure = this.#errorOf(error, call);
    // The reason of a broken pipe is the reset that another call has met.
    if (failure.code === "EPIPE" && this.#failure !== null) {
      return this.#failed(call);
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

  /** Keeps the first error, and rejects the call that waits with it. */
  #fail(error: unknown): void {
    if (this.isClosed) return;
    this.#failure ??= { error };
    this.#over?.resolve();
    this.sending.fail();
    this.receiving.fail();
  }

  /** Makes the error of a call after a failure. */
  #failed(syscall: Syscall): SocketError {
    return this.#errorOf(this.#failure?.error, syscall);
  }

  #errorOf(error: unknown, syscall: Syscall): SocketError {
    const call = { syscall, address: this.peer };
    // TLS on Deno runs over a stream of ours, which has named its own call.
    return error instanceof SocketError
      ? socketError(error.code, call, error.cause)
      : toSocketError(error, call);
  }

  #error(code: SocketErrorCode, syscall: Syscall): SocketError {
    const call = { syscall, address: this.peer };
    return socketError(code, call, undefined, EXPLANATIONS[code]);
  }
}
