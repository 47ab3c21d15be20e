import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Flow } from "./duplex.ts";
import type { Handle, HandleEvents } from "../../net/handle.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Written at a time, so that a slow send can be seen to make progress. */
const PART_BYTES = 65_536;
/** Up to here a callback, one turn later, costs more than it is worth. */
const SMALL_BYTES = 8192;
/** Never reached, so that a write does not schedule a `drain`. */
const WRITE_MARK = 4 * PART_BYTES;
const NOTHING = new Uint8Array(0);
/** Milliseconds and bytes that a closed TLS socket reads on. */
const LINGER = 1000;
const LINGER_BYTES = 1 << 20;

/** A `net.Socket` or `TLSSocket`, by the verbs of {@linkcode Handle}. */
export class NodeHandle implements Handle {
  events: HandleEvents | undefined;
  readonly #socket: Socket;
  readonly #isSecure: boolean;
  readonly #flow: Flow;
  readonly #tcp: Socket | undefined;
  #isReading = false;
  #hasEnded = false;
  /** The length of a part that the socket took, but not yet the kernel. */
  #pending = 0;

  /**
   * @param tcp The TCP socket to reset, if there is one.
   * @param flow What to pause, if it is not the socket.
   */
  constructor(
    socket: Socket,
    isSecure: boolean,
    tcp: Socket | undefined,
    flow: Flow = socket,
  ) {
    this.#socket = socket;
    this.#isSecure = isSecure;
    this.#tcp = tcp;
    this.#flow = flow;
    flow.pause();
    if (!isSecure) raiseWriteMark(socket);
    this.#subscribe("on");
  }

  /** Gives the socket up, for TLS, which reads what was received first. */
  release(received: Bytes | null): Socket {
    this.#socket.pause();
    this.#subscribe("off");
    if (received !== null) this.#socket.unshift(received);
    return this.#socket;
  }

  readStart(): void {
    this.#isReading = true;
    if (this.#flow.isPaused()) this.#flow.resume();
  }

  /** Pauses at the next chunk only: often the next receive comes before. */
  readStop(): void {
    this.#isReading = false;
  }

  write(data: Uint8Array): number {
    const socket = this.#socket;
    const flow = this.#flow;
    // A part that `onDrain` reported is the first of what was left then.
    let taken = this.#pending;
    this.#pending = 0;
    while (taken < data.length) {
      if (flow.errored) throw flow.errored;
      if (socket.destroyed) {
        throw peerGone(this.#hasEnded ? "EPIPE" : "ECONNRESET");
      }
      const part = data.length <= PART_BYTES
        ? data
        : data.subarray(taken, taken + PART_BYTES);
      const isSmall = !this.#isSecure && part.length <= SMALL_BYTES;
      if (isSmall) socket.write(part);
      else socket.write(part, this.#onWritten);
      if (socket.errored) throw socket.errored;
      if (socket.writableLength > 0) {
        this.#pending = part.length;
        if (isSmall) socket.write(NOTHING, this.#onWritten);
        break;
      }
      taken += part.length;
    }
    return taken;
  }

  /** A chunk with a buffer of its own is not copied. */
  toPlain(chunk: Bytes): Bytes {
    const { buffer, length } = chunk;
    return buffer instanceof ArrayBuffer && buffer.byteLength === length
      ? new Uint8Array(buffer)
      : new Uint8Array(chunk);
  }

  shutdown(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // An error of it comes as an event, too.
    const end = () => this.#socket.end(() => resolve());
    // Ended in the middle of a read, TLS on Node drops what it has received and
    // not yet reported: its SSL_shutdown looks there for the peer's.
    if (this.#isSecure) setImmediate(end);
    else end();
    return promise;
  }

  close(): void {
    if (this.#isSecure) this.#linger();
    else this.#socket.destroy();
  }

  reset(): void {
    // Amid an event of TLS it would end Node by a segmentation fault.
    if (this.#isSecure) setImmediate(() => this.#resetNow());
    else this.#resetNow();
  }

  #resetNow(): void {
    this.#tcp?.resetAndDestroy();
    this.#socket.destroy();
  }

  /**
   * Ends a TLS socket, and reads on for a while: the kernel answers what comes
   * to a closed socket, as session tickets after the handshake, with a reset,
   * and drops what it has not sent yet.
   */
  #linger(): void {
    const socket = this.#socket;
    const deadline = setTimeout(() => socket.destroy(), LINGER);
    socket.once("close", () => clearTimeout(deadline));
    // A peer that keeps sending must see that the connection is closed.
    let left = LINGER_BYTES;
    socket.on("data", ({ length }: Buffer) => {
      if ((left -= length) < 0) socket.destroy();
    });
    // A second end is an error, and to make it takes time.
    if (!socket.writableEnded) socket.end();
    this.readStart(); // the connection is closed, and discards it
  }

  /** Made once, not once per write. */
  readonly #onWritten = (error?: Error | null): void => {
    // After an error `close` follows.
    if (error || this.#flow.errored) return;
    const isDrain = this.#pending > 0 && this.#socket.writableLength === 0;
    if (isDrain) this.events!.onDrain();
  };

  #subscribe(how: "on" | "off"): void {
    const socket = this.#socket;
    socket[how]("data", this.#onData);
    socket[how]("end", this.#onEnd);
    socket[how]("error", this.#onError);
    socket[how]("close", this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#isReading) this.#flow.pause();
    // Only what a caller keeps is made a plain array.
    this.events!.onData(chunk as Bytes);
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.events!.onEnd();
  };

  readonly #onError = (error: NativeError): void => {
    // The peer reads no more, which the write that met it reports.
    if (error.code !== "EPIPE") this.events!.onError(error);
    // As Node does; on Deno a TLS socket would stay, and take what is written.
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    // A part that failed is none of the next write.
    this.#pending = 0;
    // A failed write closes the socket, perhaps with bytes unread.
    if (!this.#hasEnded) this.events!.onError(peerGone("ECONNRESET"));
    this.events!.onClose();
  };
}

/**
 * A server's sockets have one mark for both directions, and to read nothing
 * ahead it is 1: every write would be a full one.
 */
function raiseWriteMark(socket: Socket): void {
  const { _writableState } = socket as Socket & {
    _writableState?: { highWaterMark: number };
  };
  if (_writableState !== undefined) _writableState.highWaterMark = WRITE_MARK;
}

function peerGone(code: "EPIPE" | "ECONNRESET"): NativeError {
  return withErrorCode(new Error("The peer is gone"), code);
}
