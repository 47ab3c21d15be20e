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
const SMALLEST_BUFFER = 512;
/** …and grows while reads fill it, as far as throughput grows with it. */
const LARGEST_BUFFER = 262_144;

const NOTHING = new Uint8Array(0);

/** A connection on a `Deno.Conn`, which is read when somebody receives. */
export class DenoConnection extends BaseConnection {
  readonly #socket: DenoSocket;
  #reading = false;
  /** The loop of reads that counts; a later one may take over. */
  #turn = 0;
  /** Whether that loop waits for a destination to take what it read. */
  #held = false;
  /** Part of the buffer that a direct read fills. */
  #filling: Uint8Array<ArrayBuffer> = NOTHING;
  #writing: Uint8Array = NOTHING;
  #maxBytes = 0;
  #size = SMALLEST_BUFFER;
  #buffer: Uint8Array<ArrayBuffer> | null = null;
  #view: Uint8Array<ArrayBuffer> | null = null;

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
    else if (this.#held) {
      // An aborted relay waits for its destination, which needs the buffer.
      this.#buffer = null;
      this.#readOn();
    }
  }

  protected override readDirectly(
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer> | null> | null {
    if (this.#reading) return null;
    this.#reading = true;
    this.#maxBytes = maxBytes;
    const buffer = this.#bufferToFill();
    this.#filling = buffer;
    return this.#socket.read(buffer).then(this.#didRead, this.#didNotRead);
  }

  readonly #didRead = (n: number | null): Uint8Array<ArrayBuffer> | null => {
    this.#reading = false;
    if (n === null) return this.received(null);
    const buffer = this.#filling;
    const chunk = this.#handOut(buffer, n);
    if (n === buffer.length) this.#grow();
    return this.received(chunk);
  };

  readonly #didNotRead = (error: unknown): never => {
    this.#reading = false;
    this.notReceived(isBroken(error) ? protocolError(error) : error);
  };

  async #readOn(): Promise<void> {
    const turn = ++this.#turn;
    this.#reading = true;
    this.#held = false;
    try {
      while (this.wanted) {
        const buffer = this.#bufferToFill();
        const n = await this.#socket.read(buffer);
        if (n === null) return this.end();
        if (!this.relaying) this.push(this.#handOut(buffer, n));
        else {
          const relay = this.waiting;
          try {
            const full = this.forward(this.#filled(buffer, n));
            this.#held = true;
            await full;
          } catch (error) {
            this.abandon(error, relay);
          }
          if (turn !== this.#turn) return;
          this.#held = false;
        }
        if (n === buffer.length) this.#grow();
      }
    } catch (error) {
      this.fail(isBroken(error) ? protocolError(error) : error);
    } finally {
      if (turn === this.#turn) this.#reading = false;
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

  /** The filled part of the buffer: messages are often of one length. */
  #filled(buffer: Uint8Array<ArrayBuffer>, n: number): Uint8Array {
    if (n === buffer.length) return buffer;
    if (this.#view?.length !== n || this.#view.buffer !== buffer.buffer) {
      this.#view = buffer.subarray(0, n);
    }
    return this.#view;
  }

  #grow(): void {
    if (this.#size === LARGEST_BUFFER) return;
    this.#size = Math.min(4 * this.#size, LARGEST_BUFFER);
    this.#buffer = null;
  }

  protected write(data: Uint8Array): Promise<void> {
    this.#writing = data;
    return this.#socket.write(data).then(this.#wrote, this.#notWrote);
  }

  readonly #wrote = (n: number): Promise<void> | void => {
    this.bytesSent += n;
    const data = this.#writing;
    if (n < data.length) return this.write(data.subarray(n));
    this.#writing = NOTHING;
    this.written();
  };

  readonly #notWrote = (error: unknown): never => {
    const failure = this.explain(error);
    this.written();
    throw failure;
  };

  protected async finish(): Promise<void> {
    await this.#socket.closeWrite();
  }

  protected release(): void {
    this.#socket.close();
  }
}

/** TLS that broke: a record that is wrong, or an end without close_notify. */
function isBroken(error: unknown): error is Error {
  return error instanceof Error &&
    (error.name === "UnexpectedEof" || error.name === "InvalidData");
}
