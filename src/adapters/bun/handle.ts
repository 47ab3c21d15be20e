import type { Address } from "../../socket.ts";
import { BaseConnection } from "../../net/socket_connection.ts";

/** The parts of a Bun socket that are used here. */
export interface BunSocket {
  data: unknown;
  readonly localAddress: string;
  readonly localPort: number;
  /** Nothing when the peer is gone. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly fd: number;
  readonly authorized: boolean;
  readonly alpnProtocol: string | false | null;
  /** Takes what fits; 0 when full, -1 when the connection is gone. */
  write(data: Uint8Array): number;
  /** Half-closes. */
  shutdown(): void;
  /** Closes; on TLS it only sends a close_notify. */
  end(): void;
  /** Closes, on TLS too, but without a close_notify. */
  close(): void;
  /** Resets. */
  terminate(): void;
  pause(): void;
  resume(): void;
  setKeepAlive(enable: boolean, initialDelay: number): boolean;
}

/** What Bun reports with `close` and `error`. */
export type BunError = Error & { code?: string };

/** A connection on a Bun socket, which pushes its events: see `handlers`. */
export class BunConnection extends BaseConnection {
  readonly #socket: BunSocket;
  readonly #secure: boolean;
  #paused = false;
  /** Whether a write met a reset, of which nothing else tells. */
  #cut = false;
  readonly #mayReset: boolean;
  /** The rest of a write that Bun took a part of. */
  #rest: (PromiseWithResolvers<void> & { data: Uint8Array }) | null = null;

  constructor(
    socket: BunSocket,
    local: Address,
    remote: Address,
    secure: boolean,
  ) {
    super(local, remote, secure ? socket.alpnProtocol || undefined : undefined);
    this.#socket = socket;
    this.#secure = secure;
    // A Unix peer that closes in order breaks the pipe, too.
    this.#mayReset = remote.transport !== "unix";
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  protected read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  protected write(data: Uint8Array): Promise<void> | void {
    const taken = this.#take(data);
    if (taken === data.length) return;
    const rest = Promise.withResolvers<void>();
    this.#rest = { ...rest, data: data.subarray(taken) };
    return rest.promise;
  }

  protected finish(): void {
    // The second FIN of the two closes the socket, in one step.
    if (this.ended && !this.#secure) this.#socket.end();
    else this.#socket.shutdown();
  }

  protected release(): void {
    if (!this.#secure) this.#socket.end();
    // The peer is not reading, and a TLS socket would linger for it.
    else if (this.#rest !== null) this.#socket.terminate();
    else {
      this.#socket.shutdown();
      this.#socket.close();
    }
    if (this.#rest !== null) this.#settleRest(broken());
  }

  /** Bytes came. Bun reads on by itself, so a lack of interest is a pause. */
  arrived(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.relaying) {
      const full = this.forward(chunk);
      if (full !== undefined) this.#holdBack(full);
    } else {
      // With a destination: what was queued before still goes there.
      if (!this.wanted || this.relay !== null) this.pause();
      this.push(chunk);
    }
  }

  #holdBack(full: Promise<void>): void {
    this.pause();
    const relay = this.relay;
    full.then(
      () => {
        if (this.relay === relay) this.read();
      },
      (error) => this.abandon(error, relay),
    );
  }

  drained(): void {
    const rest = this.#rest;
    // Bun also calls `drain` when nothing waits for it.
    if (rest === null) return;
    try {
      rest.data = rest.data.subarray(this.#take(rest.data));
      if (rest.data.length === 0) this.#settleRest();
    } catch (error) {
      this.#settleRest(error);
    }
  }

  /** After a write that met a reset, Bun calls ended what was cut off. */
  override end(): void {
    if (this.#cut && !this.ended) this.fail(broken("ECONNRESET"));
    else super.end();
  }

  /** The socket is closed: both sides have ended, or it broke. */
  gone(error?: BunError): void {
    // EPIPE tells that what we sent met a peer that had ended before: for the
    // receiving side that is the end.
    if (error === undefined || error.code === "EPIPE") this.end();
    else this.fail(error);
    if (this.#rest !== null) this.#settleRest(error ?? broken());
  }

  #take(data: Uint8Array): number {
    const taken = this.#socket.write(data);
    if (taken < 0) {
      this.#cut ||= this.#mayReset && !this.ended;
      throw broken();
    }
    this.bytesSent += taken;
    return taken;
  }

  /** The write under way is through, or has failed. */
  #settleRest(error?: unknown): void {
    const rest = this.#rest;
    if (rest === null) return;
    this.#rest = null;
    if (error === undefined) rest.resolve();
    else rest.reject(this.explain(error));
    this.written();
  }
}

/** What Bun tells by a -1, or by nothing at all. */
export function broken(code: "EPIPE" | "ECONNRESET" = "EPIPE"): BunError {
  return Object.assign(new Error("The peer is gone"), { code });
}
