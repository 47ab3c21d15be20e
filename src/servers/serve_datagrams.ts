import { BIND } from "../net/option_keys.ts";
import { ownOptions, pickOptions } from "../net/own_options.ts";
import { ownBind } from "../net/validate.ts";
import {
  checkFunctions,
  checkNumber,
  checkSignal,
  toBytes,
} from "../net/validate_values.ts";
import type {
  DatagramHandler,
  DatagramReply,
  DatagramServer,
  DatagramServerOptions,
  DatagramServerStats,
} from "./datagram_server.ts";
import {
  type DatagramExchange,
  exchangeDatagrams,
} from "../net/datagram_socket.ts";
import { isSocketError, log } from "./log.ts";
import { loopGuard, type LoopGuardOptions } from "./loop_guard.ts";
import { DATAGRAM_SERVER, LOOP_GUARD } from "./option_keys.ts";
import { bind } from "../open.ts";
import type { BindOptions, DatagramSocket, NetAddress } from "../socket.ts";

/** Bytes of the datagrams that async handlers may hold at once. */
const MAX_PENDING = 4 * 1024 * 1024;
/** Counted for each of them in addition, so that 1024 may run at once. */
const PENDING_COST = 4096;

/**
 * The handler of an echo. It keeps no datagram, so that none is copied before
 * it is sent.
 */
export const sendBack: DatagramHandler = (data) => data;

/**
 * Receives datagrams and sends back what the handler returns, within the limits
 * of the loop guard. A handler that throws costs only that reply.
 *
 * Rejects like {@linkcode bind}, with `signal.reason` when aborted before it is
 * ready, and with what `onListen` throws.
 *
 * @param options Where to bind, guard and callbacks.
 * @param handler Returns the reply to one datagram.
 * @returns The running server.
 *
 * @example Reply with the time
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
 *
 * @example Reply to some datagrams only, and log failures
 * ```ts
 * import { bind, formatAddress, serveDatagrams } from "@parley/echo";
 *
 * await using server = await serveDatagrams({
 *   port: 0,
 *   onError: (error, from) => console.error(formatAddress(from), error),
 * }, (data) => {
 *   if (data.length === 0) return; // no reply
 *   return data[0] === 63 ? "Yes!" : data.toReversed();
 * });
 * await using client = await bind({ port: 0 });
 * for (const word of ["", "stressed", "?"]) {
 *   await client.sendTo(word, server.addr);
 * }
 * const [data] = await client.recvFrom();
 * console.log(new TextDecoder().decode(data)); // desserts
 * ```
 *
 * @category UDP
 */
export async function serveDatagrams(
  options: BindOptions & DatagramServerOptions,
  handler: DatagramHandler,
): Promise<DatagramServer> {
  if (typeof handler !== "function") {
    throw new TypeError(`Invalid handler "${handler}": expected a function`);
  }
  const own = ownBind("serveDatagrams", options, DATAGRAM_SERVER);
  checkSignal(own.signal);
  checkFunctions(own, ["onListen", "onError"]);
  own.loopGuard = checkGuard(own.loopGuard);
  own.signal?.throwIfAborted();
  const socket = await bind(pickOptions<BindOptions>(own, BIND));
  const server = new UdpServer(socket, own, handler);
  try {
    own.signal?.throwIfAborted();
    await own.onListen?.(socket.addr);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  return server;
}

function checkGuard(
  given: LoopGuardOptions | false = {},
): LoopGuardOptions | false {
  if (given === false) return false;
  if (given === null || typeof given !== "object") {
    throw new TypeError(
      `Invalid loopGuard "${given}": expected false or an object`,
    );
  }
  const guard = ownOptions("loopGuard", given, LOOP_GUARD);
  checkNumber("loopGuard.lowestPort", guard.lowestPort ?? 0, 0);
  for (const name of ["burst", "addressBurst", "totalBurst"] as const) {
    checkNumber(`loopGuard.${name}`, guard[name] ?? 1, 1);
  }
  for (const name of ["rate", "addressRate", "totalRate"] as const) {
    checkNumber(`loopGuard.${name}`, guard[name] ?? 0, 0);
  }
  return guard;
}

/** Answers datagrams: handler, loop guard, replies. */
class UdpServer implements DatagramServer {
  /** The socket's address. */
  readonly addr: NetAddress<"udp">;
  /** Resolves when the server has stopped and the port is free. */
  readonly finished: Promise<void>;
  /** The bound socket; the shutdown closes it. */
  readonly #socket: DatagramSocket;
  /** Receives from the socket, and sends the replies. */
  readonly #exchange: DatagramExchange;
  /** The caller's options: `signal` and `onError` are read from here. */
  readonly #options: DatagramServerOptions;
  /** The function that returns the replies. */
  readonly #handler: DatagramHandler;
  /** Returns whether the loop guard allows one more reply to the peer. */
  readonly #mayReply: (peer: NetAddress<"udp">) => boolean;
  /** The counters that the socket does not keep. */
  readonly #stats: Omit<DatagramServerStats, "dropped"> = {
    received: 0,
    sent: 0,
    withheld: 0,
    bytesReceived: 0,
    bytesSent: 0,
  };
  /** Whether the missing permission to reply has been printed. */
  #warned = false;
  /** What pending handlers, replies and `onError` hold, in bytes. */
  #pending = 0;
  /** Resolved by the shutdown. */
  readonly #stopped = Promise.withResolvers<void>();

  constructor(
    socket: DatagramSocket,
    options: DatagramServerOptions,
    handler: DatagramHandler,
  ) {
    this.addr = socket.addr;
    this.#socket = socket;
    this.#options = options;
    this.#handler = handler;
    const { loopGuard: guard = {} } = options;
    this.#mayReply = guard === false
      ? () => true
      : loopGuard(socket.addr, guard);
    this.#exchange = exchangeDatagrams(
      socket,
      (data, from) => this.#handle(data, from),
      handler === sendBack,
    );
    this.finished = this.#run();
  }

  async shutdown(): Promise<void> {
    this.#stopped.resolve();
    await this.#socket.close();
    await this.finished;
  }

  stats(): DatagramServerStats {
    return { ...this.#stats, dropped: this.#socket.dropped };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Serves until the shutdown, then waits for the port. */
  async #run(): Promise<void> {
    const { signal } = this.#options;
    // `finished` rejects with the same.
    const abort = () => void this.shutdown().catch(() => {});
    signal?.addEventListener("abort", abort, { once: true });
    this.#exchange.start();
    await this.#stopped.promise;
    signal?.removeEventListener("abort", abort);
    // The port is free only once this resolves.
    await this.#socket.close();
  }

  /** Sends the reply of a sync handler; that of an async one is sent later. */
  #handle(data: Uint8Array<ArrayBuffer>, from: NetAddress<"udp">): void {
    this.#stats.received++;
    this.#stats.bytesReceived += data.length;
    try {
      const reply = this.#handler(data, from);
      // Not awaited, so that a slow handler does not delay other datagrams.
      if (reply instanceof Promise) {
        this.#track(this.#replyLater(reply, from), data.length);
      } else this.#reply(reply, from);
    } catch (error) {
      this.#reportError(error, from);
    }
  }

  async #replyLater(
    pending: Promise<DatagramReply>,
    from: NetAddress<"udp">,
  ): Promise<void> {
    try {
      this.#reply(await pending, from);
    } catch (error) {
      this.#reportError(error, from);
    }
  }

  /** Counts work that is not awaited; it must not reject. */
  async #track(work: Promise<void>, bytes: number): Promise<void> {
    this.#hold(bytes);
    await work;
    this.#release(bytes);
  }

  /** Leaves datagrams to the socket's queue when too much is pending. */
  #hold(bytes: number): void {
    this.#pending += bytes + PENDING_COST;
    if (this.#pending >= MAX_PENDING) this.#exchange.stop();
  }

  #release(bytes: number): void {
    const wasFull = this.#pending >= MAX_PENDING;
    this.#pending -= bytes + PENDING_COST;
    if (wasFull && this.#pending < MAX_PENDING) this.#exchange.start();
  }

  #reply(reply: DatagramReply, from: NetAddress<"udp">): void {
    if (reply === undefined) return;
    // A source port of 0 is always forged, and cannot be sent to.
    if (from.port === 0 || !this.#mayReply(from)) {
      this.#stats.withheld++;
      return;
    }
    const data = toBytes(reply);
    const { length } = data;
    // One part of an array is handed out as it is.
    const isOurs = typeof reply === "string" || this.#handler === sendBack;
    const settle = (error?: unknown) => {
      this.#release(length);
      if (error !== undefined) return this.#reportError(error, from);
      this.#stats.sent++;
      this.#stats.bytesSent += length;
    };
    this.#hold(length);
    try {
      this.#exchange.reply(data, from, isOurs, settle);
    } catch (error) {
      settle(error);
    }
  }

  #reportError(error: unknown, from: NetAddress<"udp">): void {
    const { onError } = this.#options;
    if (onError === undefined) return this.#printError(error);
    const call = async () => {
      try {
        await onError(error, from);
      } catch (error) {
        // The callback must not end the server.
        log(error);
      }
    };
    this.#track(call(), 0);
  }

  /** Prints errors that no peer can cause. */
  #printError(error: unknown): void {
    if (!isSocketError(error)) log(error);
    // Without the permission every reply fails: print that once.
    else if (error.code === "EACCES" && !this.#warned) {
      this.#warned = true;
      log(error.message);
    }
  }
}
