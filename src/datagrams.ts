import { checkFunctions, checkNumber, checkOptions } from "./check.ts";
import { SocketError } from "./errors.ts";
import { loopGuard, type LoopGuardOptions } from "./loop_guard.ts";
import { bind } from "./open.ts";
import type { Server } from "./serve.ts";
import type {
  BindOptions,
  DatagramSocket,
  NetAddress,
  UnixAddress,
} from "./socket.ts";

const encoder = new TextEncoder();

/** What to send back, if anything. */
export type Reply = Uint8Array | string | void;

/**
 * What a server does with one datagram: it returns the reply, or nothing.
 *
 * @example
 * ```ts
 * import type { DatagramHandler } from "@parley/echo";
 *
 * const shout: DatagramHandler = (data) =>
 *   new TextDecoder().decode(data).toUpperCase();
 * ```
 */
export type DatagramHandler = (
  data: Uint8Array<ArrayBuffer>,
  from: NetAddress<"udp">,
) => Reply | Promise<Reply>;

/** Options of {@linkcode serveDatagrams} beside where to listen. */
export interface DatagramServerOptions {
  /** The protection against endless replies; `false` is none. */
  loopGuard?: LoopGuardOptions | false;
  /** Stops the server. */
  signal?: AbortSignal;
  /** Called once, when the server is ready, with the real address. */
  onListen?: (addr: NetAddress<"udp">) => void | Promise<void>;
  /**
   * Called with what the handler threw, or what the reply met. Unless given,
   * everything but a `SocketError`, which any peer can cause, goes to
   * `console.error`, and the first missing permission to reply.
   */
  onError?: (error: unknown, from: NetAddress<"udp">) => void | Promise<void>;
}

/** Options of {@linkcode serveDatagrams}. */
export type ServeDatagramsOptions = BindOptions & DatagramServerOptions;

/** What a datagram server has done so far. */
export interface DatagramServerStats {
  /** Datagrams received. */
  received: number;
  /** Replies sent. */
  sent: number;
  /** Replies that the loop guard withheld. */
  withheld: number;
  /** Datagrams thrown away from the socket's queue, which was full. */
  dropped: number;
  /** Bytes received. */
  bytesReceived: number;
  /** Bytes sent. */
  bytesSent: number;
}

/** A running datagram server. */
export interface DatagramServer extends AsyncDisposable {
  /** The bound address. */
  readonly addr: NetAddress<"udp">;
  /** Resolves when the server has stopped. */
  readonly finished: Promise<void>;
  /** Stops it; handlers that wait for something are not waited for. */
  shutdown(): Promise<void>;
  /** Live counters. */
  stats(): DatagramServerStats;
}

/** The server on this transport. */
export type ServerOf<Transport extends "tcp" | "unix" | "udp"> = {
  tcp: Server<NetAddress<"tcp">>;
  unix: Server<UnixAddress>;
  udp: DatagramServer;
}[Transport];

/**
 * Receives datagrams and sends back what the handler returns, within the
 * limits of the loop guard.
 *
 * Rejects like {@linkcode bind}.
 *
 * @param options Where to listen, and the guard.
 * @param handler What to reply.
 * @returns The running server.
 *
 * @example
 * ```ts
 * import { serveDatagrams } from "@parley/echo";
 *
 * await using server = await serveDatagrams(
 *   { port: 0 },
 *   (_data, from) => `You are ${from.hostname}\n`,
 * );
 * console.log(server.addr);
 * ```
 */
export async function serveDatagrams(
  options: ServeDatagramsOptions,
  handler: DatagramHandler,
): Promise<DatagramServer> {
  if (typeof handler !== "function") {
    throw new TypeError(`Invalid handler "${handler}": expected a function`);
  }
  checkOptions(options);
  checkFunctions(options, ["onListen", "onError"]);
  checkGuard(options.loopGuard);
  options.signal?.throwIfAborted();
  const socket = await bind(options);
  const server = new UdpServer(socket, options, handler);
  try {
    options.signal?.throwIfAborted();
    await options.onListen?.(socket.addr);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  return server;
}

class UdpServer implements DatagramServer {
  readonly addr: NetAddress<"udp">;
  readonly finished: Promise<void>;
  readonly #socket: DatagramSocket;
  readonly #options: ServeDatagramsOptions;
  readonly #handler: DatagramHandler;
  readonly #mayAnswer: (peer: NetAddress<"udp">) => boolean;
  readonly #stats: Omit<DatagramServerStats, "dropped"> = {
    received: 0,
    sent: 0,
    withheld: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };

  #warned = false;

  constructor(
    socket: DatagramSocket,
    options: ServeDatagramsOptions,
    handler: DatagramHandler,
  ) {
    this.addr = socket.addr;
    this.#socket = socket;
    this.#options = options;
    this.#handler = handler;
    const { loopGuard: guard = {} } = options;
    this.#mayAnswer = guard === false
      ? () => true
      : loopGuard(socket.addr, guard);
    this.finished = this.#run();
  }

  async shutdown(): Promise<void> {
    await this.#socket.close();
    await this.finished;
  }

  stats(): DatagramServerStats {
    return { ...this.#stats, dropped: this.#socket.dropped };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    const abort = () => void this.shutdown();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      for (;;) {
        const [data, from] = await this.#socket.recvFrom();
        this.#stats.received++;
        this.#stats.bytesReceived += data.length;
        const reply = this.#handle(data, from);
        // One reply at a time: a network that is full fills the bounded queue
        // of the socket, not memory.
        if (reply !== undefined) await this.#reply(reply, from);
      }
    } catch {
      // Only the end of the socket ends its `recvFrom`.
    }
    signal?.removeEventListener("abort", abort);
    // Only then is the port free.
    await this.#socket.close();
  }

  #handle(data: Uint8Array<ArrayBuffer>, from: NetAddress<"udp">): Reply {
    try {
      const reply = this.#handler(data, from);
      if (!(reply instanceof Promise)) return reply;
      // A handler that takes its time does not hold up the other datagrams.
      reply.then((reply) => this.#reply(reply, from))
        .catch((error) => this.#report(error, from));
    } catch (error) {
      this.#report(error, from);
    }
  }

  async #reply(reply: Reply, from: NetAddress<"udp">): Promise<void> {
    if (reply === undefined) return;
    // Port 0 is only ever forged, and cannot be sent to.
    if (from.port === 0 || !this.#mayAnswer(from)) {
      this.#stats.withheld++;
      return;
    }
    const data = typeof reply === "string" ? encoder.encode(reply) : reply;
    try {
      await this.#socket.sendTo(data, from);
      this.#stats.sent++;
      this.#stats.bytesSent += data.length;
    } catch (error) {
      this.#report(error, from);
    }
  }

  async #report(error: unknown, from: NetAddress<"udp">): Promise<void> {
    const { onError } = this.#options;
    if (onError === undefined) {
      if (!(error instanceof SocketError)) console.error(error);
      // No peer's fault: without the permission nobody gets an answer.
      else if (error.code === "EACCES" && !this.#warned) {
        this.#warned = true;
        console.error(error.message);
      }
      return;
    }
    try {
      await onError(error, from);
    } catch (error) {
      // The callback must not take the server down.
      console.error(error);
    }
  }
}

function checkGuard(guard: LoopGuardOptions | false | undefined): void {
  if (guard === false || guard === undefined) return;
  if (guard === null || typeof guard !== "object") {
    throw new TypeError(
      `Invalid loopGuard "${guard}": expected false or an object`,
    );
  }
  checkNumber("loopGuard.lowestPort", guard.lowestPort ?? 0, 0);
  checkNumber("loopGuard.burst", guard.burst ?? 1, 1);
  checkNumber("loopGuard.rate", guard.rate ?? 0, 0);
}
