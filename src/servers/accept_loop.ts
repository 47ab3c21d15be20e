import { ownOptions } from "../net/own_options.ts";
import type { SocketError } from "../errors.ts";
import { checkNumber } from "../net/validate_values.ts";
import { Callbacks } from "./callbacks.ts";
import {
  bytesOf,
  checkTime,
  type ConnectionEntry,
  newEntry,
} from "./connection_entry.ts";
import { DRAIN_TIME, drainConnection } from "./drain.ts";
import { HostLimit } from "./host_limit.ts";
import { isSocketError, log } from "./log.ts";
import { SHUTDOWN } from "./option_keys.ts";
import type {
  Handler,
  HandlerContext,
  Server,
  ServerOptions,
  ServerStats,
  ShutdownOptions,
} from "./server.ts";
import { canonicalAddress } from "../net/address.ts";
import { acceptCall } from "../net/accept_queue.ts";
import { currentOf, isSending } from "../net/socket_connection.ts";
import { socketError } from "../net/socket_error.ts";
import { reportRejects } from "../net/socket_listener.ts";
import type { Address, Connection, Listener } from "../socket.ts";

/** The longest delay in milliseconds; `setTimeout` fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Milliseconds from an unexpected error of `accept` to the next try. */
const ACCEPT_PAUSE = 100;

/** Runs the accept loop: limits, filter, idle timeout, shutdown. */
export class StreamServer<A extends Address> implements Server<A> {
  /** The listener's address. */
  readonly addr: A;
  /** Resolves when the loop has ended and the last connection is closed. */
  readonly finished: Promise<void>;
  /** The source of connections; the shutdown closes it. */
  readonly #listener: Listener<A, Address>;
  /** The caller's options: the filter and the signal are read from here. */
  readonly #options: ServerOptions;
  /** The caller's callbacks. */
  readonly #callbacks: Callbacks;
  /** The function that serves each connection. */
  readonly #handler: Handler;
  /** Connections open at once. */
  readonly #maxConnections: number;
  /** The limit of connections open at once per peer IP. */
  readonly #hostLimit: HostLimit;
  /** Milliseconds without a byte before a close; `Infinity` for never. */
  readonly #idleTimeout: number;
  /** Aborted by the shutdown. */
  readonly #stop = new AbortController();
  /** The second argument of every handler. */
  readonly #context: HandlerContext = { signal: this.#stop.signal };
  /** Open connections, also while their filter is pending. */
  readonly #entries = new Set<ConnectionEntry>();
  /** Counters without the bytes of open connections. */
  readonly #totals: ServerStats = {
    active: 0,
    accepted: 0,
    rejected: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };
  /** Resolved when a connection is removed, and by the shutdown. */
  #slotFreed = Promise.withResolvers<void>();

  constructor(
    listener: Listener<A, Address>,
    options: ServerOptions,
    handler: Handler,
  ) {
    this.addr = listener.addr;
    this.#listener = listener;
    this.#options = options;
    this.#callbacks = new Callbacks(options);
    this.#handler = handler;
    this.#maxConnections = options.maxConnections ?? 16384;
    this.#hostLimit = new HostLimit(options.maxConnectionsPerHost ?? Infinity);
    this.#idleTimeout = (options.idleTimeout ?? 300_000) || Infinity;
    reportRejects(listener, (peer, error) => this.#onReject(peer, error));
    this.finished = this.#run();
  }

  async shutdown(options?: ShutdownOptions): Promise<void> {
    const { timeout } = ownOptions("shutdown", options ?? {}, SHUTDOWN);
    if (timeout !== undefined) checkNumber("timeout", timeout, 0);
    this.#stop.abort();
    // `finished` waits for the close, too, and rejects if it fails.
    this.#listener.close().catch(() => {});
    this.#slotFreed.resolve();
    // No handler starts any more, so no connection waits for its filter.
    for (const entry of this.#entries) {
      if (!entry.handled) this.#remove(entry);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const removeAll = () => {
      for (const entry of this.#entries) this.#remove(entry);
    };
    if (timeout === 0) removeAll();
    else if (timeout !== undefined && timeout <= LONGEST_TIMER) {
      timer = setTimeout(removeAll, timeout);
    }
    await this.finished.finally(() => clearTimeout(timer));
  }

  stats(): ServerStats {
    const stats = { ...this.#totals, active: this.#entries.size };
    for (const entry of this.#entries) {
      const { bytesReceived, bytesSent } = bytesOf(entry);
      stats.bytesReceived += bytesReceived;
      stats.bytesSent += bytesSent;
    }
    return stats;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown({ timeout: 1000 });
  }

  /** Accepts until the shutdown, then waits for the last connection. */
  async #run(): Promise<void> {
    const { signal } = this.#options;
    // `finished` reports what fails.
    const abort = () => void this.shutdown({ timeout: 0 }).catch(() => {});
    signal?.addEventListener("abort", abort, { once: true });
    const sweep = setInterval(
      () => this.#sweep(),
      Math.min(1000, Math.max(10, this.#idleTimeout / 4)),
    );
    await this.#acceptLoop();
    try {
      await this.#listener.close();
    } finally {
      // Clients may finish, even if the socket's file could not be removed.
      while (this.#entries.size > 0) await this.#nextFreeSlot();
      clearInterval(sweep);
      signal?.removeEventListener("abort", abort);
    }
  }

  async #acceptLoop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // At the limit, leave further connections in the listen queue.
      if (this.#entries.size >= this.#maxConnections) {
        await this.#nextFreeSlot();
        continue;
      }
      let conn: Connection;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        // The shutdown has closed the listener. Nothing else makes `accept`
        // reject; if something does, it may pass.
        if (this.#stop.signal.aborted) return;
        log(error);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
        continue;
      }
      // The shutdown may have started since `accept` resolved.
      if (this.#stop.signal.aborted) await conn.close();
      else this.#accept(conn);
    }
  }

  #nextFreeSlot(): Promise<void> {
    this.#slotFreed = Promise.withResolvers<void>();
    return this.#slotFreed.promise;
  }

  /** Applies the limit per host and the filter to a new connection. */
  #accept(conn: Connection): void {
    const entry = newEntry(conn);
    this.#entries.add(entry);
    const { filter } = this.#options;
    if (!this.#hostLimit.add(conn.remoteAddr)) {
      this.#reject(
        entry,
        "EAGAIN",
        "its host has `maxConnectionsPerHost` open",
      );
    } else if (filter === undefined) this.#handle(entry);
    else this.#applyFilter(filter, entry);
  }

  /** Calls the filter; if it throws, the connection is rejected. */
  async #applyFilter(
    filter: NonNullable<ServerOptions["filter"]>,
    entry: ConnectionEntry,
  ): Promise<void> {
    let passed = false;
    let fault: unknown;
    try {
      passed = await filter(canonicalAddress(entry.conn.remoteAddr));
    } catch (error) {
      fault = error;
      this.#callbacks.onError(error, entry.conn);
    }
    // A shutdown or the idle timeout may have removed it meanwhile.
    if (!this.#entries.has(entry)) return;
    if (passed) this.#handle(entry);
    else this.#reject(entry, "EACCES", "the filter refuses it", fault);
  }

  #reject(
    entry: ConnectionEntry,
    code: "EAGAIN" | "EACCES" | "ETIMEDOUT",
    reason: string,
    cause?: unknown,
  ): void {
    const peer = entry.conn.remoteAddr;
    this.#remove(entry);
    this.#onReject(peer, socketError(code, acceptCall(peer), cause, reason));
  }

  /** Counts and reports a connection that the handler never saw. */
  #onReject(peer: Address, error: SocketError): void {
    this.#totals.rejected++;
    this.#callbacks.onReject(peer, error);
  }

  /** Calls `onConnect` and the handler, and follows up on its end. */
  #handle(entry: ConnectionEntry): void {
    const { conn } = entry;
    entry.handled = true;
    this.#totals.accepted++;
    this.#callbacks.onConnect(conn);
    // It may have shut the server down.
    if (!this.#entries.has(entry)) return;
    try {
      // Not awaited: a suspended async function here would keep half a
      // kilobyte for every idle connection.
      Promise.resolve(this.#handler(conn, this.#context)).then(
        () => this.#end(entry),
        (error) => this.#handlerFailed(entry, error),
      );
    } catch (error) {
      this.#handlerFailed(entry, error);
    }
  }

  /** Ends a connection in order: queued sends, the FIN, a bounded drain. */
  async #end(entry: ConnectionEntry): Promise<void> {
    const conn = currentOf(entry.conn);
    entry.ended = true;
    entry.activeAt = performance.now();
    try {
      await conn.closeWrite();
    } catch (error) {
      // The handler may have closed the connection itself. Otherwise the peer
      // is gone, before it got what the handler had queued.
      const wasClosed = isSocketError(error) && error.code === "EBADF";
      return this.#remove(entry, wasClosed ? undefined : { error });
    }
    entry.drainDeadline = performance.now() + DRAIN_TIME;
    await drainConnection(conn);
    this.#remove(entry);
  }

  #handlerFailed(entry: ConnectionEntry, error: unknown): void {
    const { signal } = this.#stop;
    // A handler that rethrows the shutdown's reason has finished as asked.
    if (signal.aborted && error === signal.reason) return void this.#end(entry);
    // A `SocketError` after the server itself closed the connection is the
    // consequence of that close, not a failure to report.
    if (this.#entries.has(entry) || !isSocketError(error)) {
      this.#callbacks.onError(error, entry.conn);
    }
    this.#remove(entry, { error }, true);
  }

  /**
   * Closes a connection, frees its slot, and calls `onDisconnect`.
   *
   * @param isCut Whether to reset: the peer must not take a part for the whole.
   */
  #remove(
    entry: ConnectionEntry,
    failure?: { error?: unknown },
    isCut: boolean = isSending(currentOf(entry.conn)),
  ): void {
    if (!this.#entries.delete(entry)) return;
    const { handled, acceptedAt } = entry;
    const conn = currentOf(entry.conn);
    if (isCut) conn.reset();
    else conn.close();
    const { remoteAddr } = conn;
    const { bytesReceived, bytesSent } = bytesOf(entry);
    this.#totals.bytesReceived += bytesReceived;
    this.#totals.bytesSent += bytesSent;
    this.#hostLimit.remove(remoteAddr);
    this.#slotFreed.resolve();
    if (!handled) return;
    this.#callbacks.onDisconnect(conn, () => ({
      remoteAddr,
      bytesReceived,
      bytesSent,
      duration: performance.now() - acceptedAt,
      ...failure,
    }));
  }

  /** Enforces time limits by comparing counters, at no cost per message. */
  #sweep(): void {
    const now = performance.now();
    for (const entry of this.#entries) {
      const limit = checkTime(entry, now, this.#idleTimeout);
      if (limit === undefined) continue;
      if (entry.handled) this.#remove(entry, limit);
      else this.#reject(entry, "ETIMEDOUT", "the filter does not answer");
    }
  }
}
