import type { Handle, HandleEvents } from "../../net/handle.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import type { BunError, BunSocket, SocketEvents } from "./api.ts";

/** A Bun socket, read and written by the verbs of {@linkcode Handle}. */
export class BunHandle implements Handle, SocketEvents {
  events: HandleEvents | undefined;
  readonly #socket: BunSocket;
  readonly #isSecure: boolean;
  readonly #canReset: boolean;
  #isReading = false;
  #isPaused = false;
  #hasEnded = false;
  /** Whether a write failed with a reset; Bun reports it nowhere else. */
  #wasReset = false;

  /** @param isUnix Whether a failed write may be the peer's orderly close. */
  constructor(socket: BunSocket, isSecure: boolean, isUnix: boolean) {
    this.#socket = socket;
    this.#isSecure = isSecure;
    this.#canReset = !isUnix;
    socket.data = this;
  }

  /** Stops reading at once: what the peer sends waits in the kernel. */
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Gives the socket up, for TLS; the cipher text is reported here, too. */
  release(): BunSocket {
    this.#socket.data = { onClose() {} };
    return this.#socket;
  }

  readStart(): void {
    this.#isReading = true;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Pauses at the next chunk only: often the next receive comes before. */
  readStop(): void {
    this.#isReading = false;
  }

  write(data: Uint8Array): number {
    const taken = this.#socket.write(data);
    if (taken >= 0) return taken;
    this.#wasReset ||= this.#canReset && !this.#hasEnded;
    throw peerGone(this.#wasReset ? "ECONNRESET" : "EPIPE");
  }

  shutdown(): void {
    // The second FIN of the two closes the socket, in one step.
    if (this.#hasEnded && !this.#isSecure) this.#socket.end();
    else this.#socket.shutdown();
  }

  close(): void {
    if (!this.#isSecure) return this.#socket.end();
    // `end` would linger for a peer that does not read, `terminate` would lose
    // what was taken.
    this.#socket.shutdown();
    this.#socket.close();
  }

  reset(): void {
    this.#socket.terminate();
  }

  onData(chunk: Uint8Array<ArrayBuffer>): void {
    // Bun keeps reading, so pause unless a call receives.
    if (!this.#isReading) this.pause();
    this.events!.onData(chunk);
  }

  onEnd(): void {
    // After a write that met a reset, Bun reports the reset as an end.
    if (this.#wasReset && !this.#hasEnded) {
      return this.events!.onError(peerGone("ECONNRESET"));
    }
    this.#hasEnded = true;
    this.events!.onEnd();
  }

  onDrain(): void {
    this.events!.onDrain();
  }

  onError(error: BunError): void {
    this.events!.onError(error);
  }

  onClose(error?: BunError): void {
    const isOrderly = error === undefined || error.code === "EPIPE";
    const wasCut = isOrderly && this.#wasReset && !this.#hasEnded;
    this.events!.onClose(wasCut ? peerGone("ECONNRESET") : error);
  }
}

/** The error of a write that returned -1, or of a reset that Bun hides. */
export function peerGone(
  code: "EPIPE" | "ECONNRESET",
): NativeError {
  return withErrorCode(new Error("The peer is gone"), code);
}
