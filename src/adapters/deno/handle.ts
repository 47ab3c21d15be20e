import type { Address } from "../../socket.ts";
import { BaseConnection } from "../../net/socket_connection.ts";
import { protocolError } from "../../net/tls.ts";

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

type Bytes = Uint8Array<ArrayBuffer>;

/** What a direct read comes to. */
type Direct = Bytes | null | Promise<Bytes | null>;

/** Both arguments of a `then`. */
interface Then<T, Result> {
  done: (value: T) => Result;
  failed: (error: unknown) => Result;
}

/** The buffer of a connection starts small, for there may be many idle ones… */
const SMALLEST_BUFFER = 128;
/** …and grows while reads fill it, as far as throughput grows with it. */
const LARGEST_BUFFER = 262_144;

/** Up to here to copy is cheaper than to make another buffer. */
const COPIED = 1024;

const NOTHING = new Uint8Array(0);

/** A connection on a `Deno.Conn`, which is read when somebody receives. */
export class DenoConnection extends BaseConnection {
  readonly #socket: DenoSocket;
  #reading = false;
  /** The relay that waits for its destination to take what was read. */
  #held: unknown = null;
  /** Part of the buffer that a read fills. */
  #filling: Bytes = NOTHING;
  #writing: Uint8Array = NOTHING;
  #maxBytes = 0;
  #size = SMALLEST_BUFFER;
  #buffer: Bytes | null = null;
  #view: Bytes | null = null;

  // What follows a system call: made once, when first needed.
  #afterDirect: Then<number | null, Direct> | null = null;
  #afterStep: Then<number | null | void, void> | null = null;
  #afterWrite: Then<number, Promise<void> | void> | null = null;

  constructor(
    socket: DenoSocket,
    local: Address,
    remote: Address,
    alpnProtocol?: string | null,
  ) {
    super(local, remote, alpnProtocol ?? undefined);
    this.#socket = socket;
  }

  protected read(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    // One read at a time: what an aborted `recv` left under way serves the
    // next one.
    if (!this.#reading) this.#readOn();
    else if (this.#held !== null) {
      // An aborted relay waits for its destination, which needs the buffer.
      this.#held = this.#buffer = this.#afterStep = null;
      this.#readOn();
    }
  }

  protected override readDirectly(
    maxBytes: number,
  ): Promise<Bytes | null> | null {
    if (this.#reading) return null;
    this.#maxBytes = maxBytes;
    const { done, failed } = this.#afterDirect ??= this.#directly();
    return this.#fill().then(done, failed);
  }

  #directly(): Then<number | null, Direct> {
    return {
      done: (n) => {
        this.#reading = false;
        if (n === null) {
          return this.#writing === NOTHING
            ? this.received(null)
            : nextTurn().then(() => this.received(null));
        }
        const buffer = this.#filling;
        const chunk = this.#handOut(buffer, n);
        if (n === buffer.length) this.#grow();
        return this.received(chunk);
      },
      failed: (error) => {
        this.#reading = false;
        this.notReceived(isBroken(error) ? protocolError(error) : error);
      },
    };
  }

  #readOn(): void {
    const { done, failed } = this.#afterStep ??= this.#step();
    this.#fill().then(done, failed);
  }

  /**
   * What follows a read or, if a relay is held, a forward. Not an async
   * function: one that waits for ever takes half a kilobyte.
   */
  #step(): Then<number | null | void, void> {
    const after = {
      done: (n: number | null | void) => {
        // Another read has taken over from a forward.
        if (this.#afterStep !== after) return;
        if (n === undefined) this.#goOn();
        else this.#handOn(n);
      },
      failed: (error: unknown) => {
        if (this.#afterStep !== after) return;
        const relay = this.#held;
        if (relay !== null) this.abandon(error, relay);
        else this.fail(isBroken(error) ? protocolError(error) : error);
        this.#goOn();
      },
    };
    return after;
  }

  #fill(): Promise<number | null> {
    this.#reading = true;
    this.#filling = this.#bufferToFill();
    return this.#socket.read(this.#filling);
  }

  #handOn(n: number | null): void {
    if (n === null) {
      this.#reading = false;
      if (this.#writing === NOTHING) this.end();
      else nextTurn().then(() => this.end());
      return;
    }
    const buffer = this.#filling;
    const full = this.relaying
      ? this.forward(this.#filled(buffer, n))
      : this.push(this.#handOut(buffer, n));
    if (n === buffer.length) this.#grow();
    if (full === undefined) return this.#goOn();
    this.#held = this.relay;
    const { done, failed } = this.#afterStep!;
    full.then(done, failed);
  }

  #goOn(): void {
    this.#held = null;
    if (this.wanted) this.#readOn();
    else this.#reading = false;
  }

  #bufferToFill(): Bytes {
    this.#buffer ??= new Uint8Array(this.#size);
    const size = this.relaying ? this.#size : this.#maxBytes;
    return size < this.#buffer.length
      ? this.#buffer.subarray(0, size)
      : this.#buffer;
  }

  /** Small reads are copied out of the buffer, large ones take it along. */
  #handOut(buffer: Bytes, n: number): Bytes {
    if (n <= COPIED || n < this.#buffer!.length / 2) return buffer.slice(0, n);
    this.#buffer = null;
    return buffer.subarray(0, n);
  }

  /** The filled part of the buffer: messages are often of one length. */
  #filled(buffer: Bytes, n: number): Uint8Array {
    if (n === buffer.length) return buffer;
    if (this.#view?.length !== n || this.#view.buffer !== buffer.buffer) {
      this.#view = buffer.subarray(0, n);
    }
    return this.#view;
  }

  #grow(): void {
    if (this.#size === LARGEST_BUFFER) return;
    // Small receives need no large buffer, but large ones some room beyond.
    if (!this.relaying && this.#size >= 4 * this.#maxBytes) return;
    this.#size = Math.min(4 * this.#size, LARGEST_BUFFER);
    this.#buffer = null;
  }

  protected write(data: Uint8Array): Promise<void> {
    this.#writing = data;
    const { done, failed } = this.#afterWrite ??= {
      done: (n) => this.#writeOn(n),
      failed: (error) => {
        const failure = this.explain(error);
        this.written();
        throw failure;
      },
    };
    return this.#socket.write(data).then(done, failed);
  }

  #writeOn(n: number): Promise<void> | void {
    this.bytesSent += n;
    const data = this.#writing;
    if (n < data.length) return this.write(data.subarray(n));
    this.#writing = NOTHING;
    this.written();
  }

  protected async finish(): Promise<void> {
    await this.#socket.closeWrite();
  }

  protected release(): void {
    this.#socket.close();
  }
}

/**
 * The kernel tells of a reset once, and the other call then sees an end: a
 * write that is under way may be about to fail.
 */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** TLS that broke: a record that is wrong, or an end without close_notify. */
function isBroken(error: unknown): error is Error {
  return error instanceof Error &&
    (error.name === "UnexpectedEof" || error.name === "InvalidData");
}
