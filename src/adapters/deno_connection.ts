import type { Address } from "../socket.ts";
import { BaseConnection } from "./connection.ts";
import { protocolError } from "./tls.ts";

/** The parts of a `Deno.Conn` that are used here. */
export interface DenoSocket {
  readonly localAddr: Address;
  readonly remoteAddr: Address;
  /** Takes no signal; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Takes what fits. */
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  /** Absent from Unix sockets. */
  setNoDelay?(): void;
  setKeepAlive?(): void;
}

/** The buffer of a connection starts small, for there may be many idle ones… */
const SMALLEST_BUFFER = 1024;
/** …and grows while reads fill it, as far as throughput grows with it. */
const LARGEST_BUFFER = 262_144;

/** A connection on a `Deno.Conn`, which is read when somebody receives. */
export class DenoConnection extends BaseConnection {
  readonly #socket: DenoSocket;
  #reading = false;
  #maxBytes = 0;
  #size = SMALLEST_BUFFER;
  #buffer: Uint8Array<ArrayBuffer> | null = null;

  constructor(
    socket: DenoSocket,
    local: Address,
    remote: Address,
    alpnProtocol?: string,
  ) {
    super(local, remote, alpnProtocol);
    this.#socket = socket;
  }

  protected read(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    // One read at a time: what an aborted `recv` left under way serves the
    // next one.
    if (!this.#reading) this.#readOn();
  }

  async #readOn(): Promise<void> {
    this.#reading = true;
    try {
      while (this.wanted) {
        const buffer = this.#bufferToFill();
        const n = await this.#socket.read(buffer);
        if (n === null) return this.end();
        if (this.relaying) await this.#pass(buffer, n);
        else this.push(this.#handOut(buffer, n));
        if (n === buffer.length) this.#grow();
      }
    } catch (error) {
      this.fail(isCut(error) ? protocolError(error) : error);
    } finally {
      this.#reading = false;
    }
  }

  #bufferToFill(): Uint8Array<ArrayBuffer> {
    this.#buffer ??= new Uint8Array(this.#size);
    const size = this.relaying ? this.#size : this.#maxBytes;
    return size < this.#buffer.length
      ? this.#buffer.subarray(0, size)
      : this.#buffer;
  }

  /** Small reads are copied out of the buffer, large ones take it along. */
  #handOut(
    buffer: Uint8Array<ArrayBuffer>,
    n: number,
  ): Uint8Array<ArrayBuffer> {
    if (n < this.#buffer!.length / 2) return buffer.slice(0, n);
    this.#buffer = null;
    return buffer.subarray(0, n);
  }

  async #pass(buffer: Uint8Array, n: number): Promise<void> {
    try {
      await this.forward(n === buffer.length ? buffer : buffer.subarray(0, n));
    } catch (error) {
      this.abandon(error);
    }
  }

  #grow(): void {
    if (this.#size === LARGEST_BUFFER) return;
    this.#size *= 4;
    this.#buffer = null;
  }

  protected async write(data: Uint8Array): Promise<void> {
    for (;;) {
      const n = await this.#socket.write(data);
      this.bytesSent += n;
      if (n === data.length) return;
      data = data.subarray(n);
    }
  }

  protected finish(): Promise<void> {
    return this.#socket.closeWrite();
  }

  protected release(): void {
    this.#socket.close();
  }
}

/** TLS whose peer went without a close_notify: more may have been sent. */
function isCut(error: unknown): error is Error {
  return error instanceof Error && error.name === "UnexpectedEof";
}
