import { Bun, type BunAddress, type BunSocket } from "../bun.ts";
import { fits } from "./pattern.ts";

/** What a connection tells whoever opened it. */
export interface TalkEvents {
  /** Bytes came back, the right ones. */
  received?(count: number): void;
  /** A whole message is back, so many milliseconds after it went out. */
  answered(talk: Talk, milliseconds: number): void;
  /** The connection is closed: with the first error, or as it should. */
  closed(talk: Talk, error: string | undefined): void;
}

/** One connection that sends a message and waits for its echo, in turns. */
export class Talk {
  readonly #socket: BunSocket<Talk | undefined>;
  readonly #message: Uint8Array;
  readonly #events: TalkEvents;
  /** None of the message is left to send: `drain` may come before `send`. */
  #sent = Infinity;
  #received = 0;
  #since = 0;
  /** The first message is checked byte by byte. */
  #thorough = true;
  #ending = false;
  #error: string | undefined;
  /** Resolves when the handshake of TLS is over. */
  readonly #secured = Promise.withResolvers<void>();

  static async open(
    where: BunAddress,
    message: Uint8Array,
    events: TalkEvents,
  ): Promise<Talk> {
    const socket = await Bun.connect<Talk | undefined>({
      ...where,
      allowHalfOpen: true,
      data: undefined,
      socket: handlers,
    });
    const talk = socket.data = new Talk(socket, message, events);
    // Bun connects before the handshake.
    if (where.tls !== undefined) await talk.#secured.promise;
    return talk;
  }

  constructor(
    socket: BunSocket<Talk | undefined>,
    message: Uint8Array,
    events: TalkEvents,
  ) {
    this.#socket = socket;
    this.#message = message;
    this.#events = events;
  }

  /** Sends the message; `answered` follows. */
  send(): void {
    this.#sent = 0;
    this.#received = 0;
    this.#since = performance.now();
    this.write();
  }

  /** Ends our side; the echo ends its own, and `closed` follows. */
  finish(): void {
    this.#ending = true;
    this.#socket.shutdown();
  }

  /** Closes at once, both sides. */
  close(): void {
    this.#ending = true;
    this.#socket.end();
  }

  write(): void {
    const left = this.#sent === 0
      ? this.#message
      : this.#message.subarray(this.#sent);
    if (left.length > 0) this.#sent += Math.max(0, this.#socket.write(left));
  }

  secured(): void {
    this.#secured.resolve();
  }

  arrived(chunk: Uint8Array): void {
    const { length } = this.#message;
    const expected = !this.#ending &&
      fits(chunk, this.#received, length, this.#thorough);
    if (!expected) return this.#fail("the echo is not what was sent");
    this.#received += chunk.length;
    this.#events.received?.(chunk.length);
    if (this.#received < length) return;
    this.#thorough = false;
    this.#events.answered(this, performance.now() - this.#since);
  }

  ended(): void {
    if (!this.#ending) this.#fail("the server ended the connection");
    else this.#socket.end();
  }

  gone(): void {
    this.#secured.resolve();
    if (!this.#ending) this.#error ??= "the server closed the connection";
    this.#events.closed(this, this.#error);
  }

  #fail(error: string): void {
    this.#error ??= error;
    this.close();
  }
}

const handlers = {
  binaryType: "uint8array" as const,
  data(socket: BunSocket<Talk | undefined>, chunk: Uint8Array): void {
    socket.data?.arrived(chunk);
  },
  handshake(socket: BunSocket<Talk | undefined>): void {
    socket.data?.secured();
  },
  drain(socket: BunSocket<Talk | undefined>): void {
    socket.data?.write();
  },
  end(socket: BunSocket<Talk | undefined>): void {
    socket.data?.ended();
  },
  close(socket: BunSocket<Talk | undefined>): void {
    socket.data?.gone();
  },
  error(): void {},
};
