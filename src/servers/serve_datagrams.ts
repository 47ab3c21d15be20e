import { checkFunctions, checkNumber, checkOptions } from "../net/validate.ts";
import { SocketError } from "../errors.ts";
import { loopGuard, type LoopGuardOptions } from "./loop_guard.ts";
import { bind } from "../open.ts";
import type { Server } from "./server.ts";
import type {
  BindOptions,
  DatagramSocket,
  NetAddress,
  UnixAddress,
} from "../socket.ts";

const encoder = new TextEncoder();

/**
 * What to send back: bytes, text as UTF-8, or nothing. Bytes and text of length
 * 0 are a reply too, an empty datagram; `undefined` is none.
 *
 * @example
 * ```ts
 * import { bind, type Reply, serveDatagrams } from "@parley/echo";
 *
 * await using server = await serveDatagrams({ port: 0 }, (data): Reply => {
 *   if (data.length === 0) return; // is not answered
 *   return data[0] === 63 ? "Yes!" : data.toReversed();
 * });
 * await using client = await bind({ port: 0 });
 * for (const word of ["", "stressed", "?"]) {
 *   await client.sendTo(word, server.addr);
 * }
 * const [data] = await client.recvFrom();
 * console.log(new TextDecoder().decode(data)); // desserts
 * ```
 */
export type Reply = Uint8Array | string | void;

/**
 * What a server does with one datagram: it returns the reply, or nothing. The
 * array is its own to keep and change. One that is async does not hold up the
 * next datagrams, whose replies may overtake its own.
 *
 * @example
 * ```ts
 * import { type DatagramHandler, serveDatagrams } from "@parley/echo";
 *
 * const shout: DatagramHandler = (data) =>
 *   new TextDecoder().decode(data).toUpperCase();
 *
 * await using server = await serveDatagrams({ port: 0 }, shout);
 * console.log(server.addr.port);
 * ```
 */
export type DatagramHandler = (
  data: Uint8Array<ArrayBuffer>,
  from: NetAddress<"udp">,
) => Reply | Promise<Reply>;

/**
 * Options of {@linkcode serveDatagrams} beside where to listen.
 *
 * @example Whom the handler failed
 * ```ts
 * import { bind, formatAddress, serveDatagrams } from "@parley/echo";
 * import type { DatagramServerOptions } from "@parley/echo";
 *
 * const failed = Promise.withResolvers<string>();
 * const options: DatagramServerOptions = {
 *   onError: (_error, from) => failed.resolve(formatAddress(from)),
 * };
 * await using server = await serveDatagrams({ port: 0, ...options }, () => {
 *   throw new Error("not today");
 * });
 * await using client = await bind({ port: 0 });
 * await client.sendTo("hello", server.addr);
 * console.log(`${await failed.promise} got no answer`);
 * ```
 */
export interface DatagramServerOptions {
  /** The protection against endless replies, on unless `false`. */
  loopGuard?: LoopGuardOptions | false;
  /**
   * Stops the server, as `shutdown()` does. One that is aborted already rejects
   * `serveDatagrams` with `signal.reason`.
   */
  signal?: AbortSignal;
  /**
   * Called once, when the server is ready, with the real address. It is waited
   * for; when it throws, the server stops, and `serveDatagrams` rejects with
   * that.
   */
  onListen?: (addr: NetAddress<"udp">) => void | Promise<void>;
  /**
   * Called with what the handler threw, or what the reply met. Unless given,
   * everything but a `SocketError`, which any peer can cause, goes to
   * `console.error`, and the first missing permission to reply.
   */
  onError?: (error: unknown, from: NetAddress<"udp">) => void | Promise<void>;
}

/**
 * Options of {@linkcode serveDatagrams}: where to listen, and the guard.
 *
 * @example Collects, and answers nobody
 * ```ts
 * import { bind, serveDatagrams } from "@parley/echo";
 * import type { ServeDatagramsOptions } from "@parley/echo";
 *
 * const options: ServeDatagramsOptions = { hostname: "127.0.0.1", port: 0 };
 * const lengths: number[] = [];
 * await using server = await serveDatagrams(options, (data) => {
 *   lengths.push(data.length);
 * });
 * await using client = await bind({ port: 0 });
 * await client.sendTo("deploys:1|c", server.addr);
 * ```
 */
export type ServeDatagramsOptions = BindOptions & DatagramServerOptions;

/**
 * What a datagram server has done so far, see {@linkcode DatagramServer.stats}.
 *
 * @example
 * ```ts
 * import { bind, type DatagramServerStats, serveEcho } from "@parley/echo";
 *
 * await using server = await serveEcho({ transport: "udp", port: 0 });
 * await using client = await bind({ port: 0 });
 * await client.sendTo("hello", server.addr);
 * await client.recvFrom();
 * const { received, withheld }: DatagramServerStats = server.stats();
 * console.log(`${received} came, ${withheld} were not answered`);
 * // 1 came, 0 were not answered
 * ```
 */
export interface DatagramServerStats {
  /** Datagrams that the handler got. */
  received: number;
  /** Replies sent. */
  sent: number;
  /** Replies that the loop guard withheld, and those to port 0. */
  withheld: number;
  /** Datagrams thrown away from the socket's queue, which was full. */
  dropped: number;
  /** Bytes in the datagrams received. */
  bytesReceived: number;
  /** Bytes in the replies sent. */
  bytesSent: number;
}

/**
 * A running datagram server. Leaving the scope of an `await using` stops it.
 *
 * @example Answers once
 * ```ts
 * import { bind, type DatagramServer, serveDatagrams } from "@parley/echo";
 *
 * const server: DatagramServer = await serveDatagrams({ port: 0 }, () => "42");
 * await using client = await bind({ port: 0 });
 * await client.sendTo("?", server.addr);
 * await client.recvFrom();
 * await server.shutdown();
 * await server.finished;
 * ```
 */
export interface DatagramServer extends AsyncDisposable {
  /** The bound address, its port real even if 0 was asked for. */
  readonly addr: NetAddress<"udp">;
  /** Resolves when the server has stopped and its port is free. */
  readonly finished: Promise<void>;
  /**
   * Stops it; handlers that wait for something are not waited for, and their
   * replies meet `EBADF`. Resolves when the port is free. Idempotent.
   */
  shutdown(): Promise<void>;
  /** The counters as they are now, in an object of their own. */
  stats(): DatagramServerStats;
}

/**
 * The kind of server on this transport: a {@linkcode DatagramServer} on
 * `"udp"`, otherwise a {@linkcode Server}.
 *
 * @example
 * ```ts
 * import { serveEcho, type ServerOf } from "@parley/echo";
 *
 * const options = { transport: "udp", port: 0 } as const;
 * const server: ServerOf<"udp"> = await serveEcho(options);
 * console.log(server.stats().withheld); // which only datagrams know
 * await server.shutdown();
 * ```
 */
export type ServerOf<Transport extends "tcp" | "unix" | "udp"> = {
  tcp: Server<NetAddress<"tcp">>;
  unix: Server<UnixAddress>;
  udp: DatagramServer;
}[Transport];

/**
 * Receives datagrams and sends back what the handler returns, within the
 * limits of the loop guard. A handler that throws costs that reply only.
 *
 * Rejects like {@linkcode bind}, with `signal.reason` when aborted before it is
 * ready, and with what `onListen` throws.
 *
 * @param options Where to listen, and the guard.
 * @param handler What to reply.
 * @returns The running server.
 *
 * @example The time, for whoever asks
 * ```ts
 * import { bind, serveDatagrams } from "@parley/echo";
 *
 * await using server = await serveDatagrams(
 *   { port: 0 },
 *   (_data, from) => `${from.hostname}, it is ${new Date().toISOString()}`,
 * );
 * await using client = await bind({ port: 0 });
 * await client.sendTo("", server.addr);
 * const [data] = await client.recvFrom();
 * console.log(new TextDecoder().decode(data));
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
