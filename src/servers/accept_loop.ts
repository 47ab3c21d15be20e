import { checkNumber } from "../net/validate.ts";
import { SocketError } from "../errors.ts";
import type {
  Handler,
  HandlerContext,
  ServeOptions,
  Server,
  ServerStats,
  ShutdownOptions,
} from "./server.ts";
import {
  type Address,
  type Connection,
  formatAddress,
  type Listener,
} from "../socket.ts";

/** After its handler, a connection may still say this many bytes… */
const DRAIN_BYTES = 4 * 1024 * 1024;
/** …for this many milliseconds, so that a last reply is not lost to a reset. */
const DRAIN_TIME = 5000;
/** Beyond this many milliseconds `setTimeout` fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** One connection under way. */
interface Guest {
  conn: Connection;
  /** Whether the handler got it. */
  admitted: boolean;
  since: number;
  /** Bytes both ways when the sweep last saw them change, and that time. */
  bytes: number;
  changed: number;
  /** When the drain after the handler must be over. */
  deadline: number;
}

/** The accept loop: who gets in, for how long, and the way out. */
export class StreamServer<A extends Address> implements Server<A> {
  readonly addr: A;
  readonly finished: Promise<void>;
  readonly #listener: Listener<A>;
  readonly #options: ServeOptions;
  readonly #handler: Handler;
  readonly #maxConnections: number;
  readonly #maxPerHost: number;
  readonly #idleTimeout: number;
  readonly #stop = new AbortController();
  readonly #context: HandlerContext = { signal: this.#stop.signal };
  readonly #guests = new Set<Guest>();
  /** Connections per IP, counted only where they are limited. */
  readonly #hosts = new Map<string, number>();
  readonly #past: ServerStats = {
    active: 0,
    accepted: 0,
    rejected: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };
  /** Wakes who waits for a connection to be gone, or for the shutdown. */
  #departure = Promise.withResolvers<void>();

  constructor(listener: Listener<A>, options: ServeOptions, handler: Handler) {
    this.addr = listener.addr;
    this.#listener = listener;
    this.#options = options;
    this.#handler = handler;
    this.#maxConnections = options.maxConnections ?? 16384;
    this.#maxPerHost = options.maxConnectionsPerHost ?? Infinity;
    this.#idleTimeout = (options.idleTimeout ?? 300_000) || Infinity;
    this.finished = this.#run();
  }

  async shutdown(options?: ShutdownOptions): Promise<void> {
    const timeout = options?.timeout;
    if (timeout !== undefined) checkNumber("timeout", timeout, 0);
    this.#stop.abort();
    this.#listener.close();
    this.#departure.resolve();
    // Nobody new is let in, so nobody waits for a verdict.
    for (const guest of this.#guests) {
      if (!guest.admitted) this.#leave(guest);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const closeAll = () => {
      for (const guest of this.#guests) this.#leave(guest);
    };
    if (timeout === 0) closeAll();
    else if (timeout !== undefined && timeout <= LONGEST_TIMER) {
      timer = setTimeout(closeAll, timeout);
    }
    await this.finished;
    clearTimeout(timer);
  }

  stats(): ServerStats {
    const stats = { ...this.#past, active: this.#guests.size };
    for (const { conn } of this.#guests) {
      stats.bytesReceived += conn.bytesReceived;
      stats.bytesSent += conn.bytesSent;
    }
    return stats;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown({ timeout: 1000 });
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const abort = () => void this.shutdown({ timeout: 0 });
    signal?.addEventListener("abort", abort, { once: true });
    const sweep = setInterval(
      () => this.#sweep(),
      Math.min(1000, Math.max(10, this.#idleTimeout / 4)),
    );
    await this.#accept();
    await this.#listener.close();
    while (this.#guests.size > 0) await this.#nextDeparture();
    clearInterval(sweep);
    signal?.removeEventListener("abort", abort);
  }

  async #accept(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // At the limit nothing is accepted: the excess waits in the queue.
      if (this.#guests.size >= this.#maxConnections) {
        await this.#nextDeparture();
        continue;
      }
      try {
        const conn = await this.#listener.accept();
        // The shutdown may have come between the accept and this line.
        if (this.#stop.signal.aborted) await conn.close();
        else this.#welcome(conn);
      } catch {
        // Only the shutdown ends an `accept`, by closing the listener.
        return;
      }
    }
  }

  #nextDeparture(): Promise<void> {
    this.#departure = Promise.withResolvers<void>();
    return this.#departure.promise;
  }

  #welcome(conn: Connection): void {
    const now = performance.now();
    const guest: Guest = {
      conn,
      admitted: false,
      since: now,
      bytes: 0,
      changed: now,
      deadline: Infinity,
    };
    this.#guests.add(guest);
    const { filter } = this.#options;
    if (this.#count(conn, 1) > this.#maxPerHost) this.#turnAway(guest);
    else if (filter === undefined) this.#admit(guest);
    else this.#ask(filter, guest);
  }

  /** A filter that fails lets nobody in. */
  async #ask(
    filter: NonNullable<ServeOptions["filter"]>,
    guest: Guest,
  ): Promise<void> {
    let admitted = false;
    try {
      admitted = await filter(guest.conn.remoteAddr);
    } catch (error) {
      this.#report(error, guest.conn);
    }
    // A verdict that came too late is about nobody.
    if (!this.#guests.has(guest)) return;
    if (admitted) this.#admit(guest);
    else this.#turnAway(guest);
  }

  #turnAway(guest: Guest): void {
    this.#past.rejected++;
    this.#leave(guest);
  }

  #admit(guest: Guest): void {
    const { conn } = guest;
    const { onConnect } = this.#options;
    guest.admitted = true;
    this.#past.accepted++;
    if (onConnect) this.#guard(conn, () => onConnect(conn));
    try {
      // Not awaited: an async function that waits keeps half a kilobyte for
      // every idle connection.
      Promise.resolve(this.#handler(conn, this.#context)).then(
        () => this.#seeOff(guest),
        (error) => this.#handlerFailed(guest, error),
      );
    } catch (error) {
      this.#handlerFailed(guest, error);
    }
  }

  #seeOff(guest: Guest): void {
    guest.deadline = performance.now() + DRAIN_TIME;
    endOrderly(guest.conn).then(() => this.#leave(guest));
  }

  #handlerFailed(guest: Guest, error: unknown): void {
    const { signal } = this.#stop;
    // A handler that stopped waiting because it was told to is through.
    if (signal.aborted && error === signal.reason) {
      return this.#seeOff(guest);
    }
    // What a handler meets because the server closed its connection is no
    // fault of its own; all else is.
    if (this.#guests.has(guest) || !(error instanceof SocketError)) {
      this.#report(error, guest.conn);
    }
    this.#leave(guest, { error });
  }

  /** Adds to the connections of the peer's host; returns how many there are. */
  #count({ remoteAddr }: Connection, change: number): number {
    if (this.#maxPerHost === Infinity) return 0;
    if (remoteAddr.transport === "unix") return 0;
    const count = (this.#hosts.get(remoteAddr.hostname) ?? 0) + change;
    if (count > 0) this.#hosts.set(remoteAddr.hostname, count);
    else this.#hosts.delete(remoteAddr.hostname);
    return count;
  }

  #leave(guest: Guest, reason?: { error: unknown }): void {
    if (!this.#guests.delete(guest)) return;
    const { conn, admitted, since } = guest;
    conn.close();
    const { remoteAddr, bytesReceived, bytesSent } = conn;
    this.#past.bytesReceived += bytesReceived;
    this.#past.bytesSent += bytesSent;
    this.#count(conn, -1);
    this.#departure.resolve();
    const { onDisconnect } = this.#options;
    if (!admitted || onDisconnect === undefined) return;
    const duration = performance.now() - since;
    this.#guard(conn, () =>
      onDisconnect({
        remoteAddr,
        bytesReceived,
        bytesSent,
        duration,
        ...reason,
      }));
  }

  #report(error: unknown, conn: Connection): void {
    const { onError } = this.#options;
    if (onError !== undefined) {
      this.#guard(undefined, () => onError(error, conn));
    } else if (!(error instanceof SocketError)) console.error(error);
  }

  /** Runs a callback that must not take the server down, async ones included. */
  async #guard(
    conn: Connection | undefined,
    callback: () => void | Promise<void>,
  ): Promise<void> {
    try {
      await callback();
    } catch (error) {
      if (conn === undefined) console.error(error);
      else this.#report(error, conn);
    }
  }

  /** Compares counters now and then, which costs nothing per message. */
  #sweep(): void {
    const now = performance.now();
    for (const guest of this.#guests) {
      const { conn } = guest;
      const bytes = conn.bytesReceived + conn.bytesSent;
      if (now >= guest.deadline) this.#leave(guest);
      else if (bytes !== guest.bytes) {
        guest.bytes = bytes;
        guest.changed = now;
      } else if (now - guest.changed >= this.#idleTimeout) {
        this.#leave(guest, { error: idle(conn, this.#idleTimeout) });
      }
    }
  }
}

/**
 * Ends our side, then lets the peer end its own: a close with bytes unread
 * would reset the connection, and the reset could overtake our last words.
 */
async function endOrderly(conn: Connection): Promise<void> {
  try {
    await conn.closeWrite();
    for (let left = DRAIN_BYTES; left > 0;) {
      const data = await conn.recv();
      if (data === null) return;
      left -= data.length;
    }
  } catch (error) {
    // The handler is through, so a peer that is gone, or a handler that closed
    // the connection itself, is no fault.
    if (!(error instanceof SocketError) || error.code !== "EBUSY") return;
    // It left a `recv` waiting. Nothing tells when that one is through, but
    // the sweep ends the wait.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await endOrderly(conn);
  }
}

function idle(conn: Connection, milliseconds: number): SocketError {
  const peer = formatAddress(conn.remoteAddr);
  return new SocketError(
    "ETIMEDOUT",
    `Closed the connection of ${peer} (ETIMEDOUT): idle for ${milliseconds} ms`,
  );
}
