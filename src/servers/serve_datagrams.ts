import { BIND } from "../net/option_keys.ts";
import { ownOptions, pickOptions } from "../net/own_options.ts";
import { ownBind } from "../net/validate.ts";
import {
  checkFunctions,
  checkNumber,
  checkSignal,
} from "../net/validate_values.ts";
import type {
  DatagramHandler,
  DatagramReply,
  DatagramServer,
  DatagramServerOptions,
  DatagramServerStats,
} from "./datagram_server.ts";
import { isSocketError, log } from "./log.ts";
import { loopGuard, type LoopGuardOptions } from "./loop_guard.ts";
import { DATAGRAM_SERVER, LOOP_GUARD } from "./option_keys.ts";
import { bind } from "../open.ts";
import type { BindOptions, DatagramSocket, NetAddress } from "../socket.ts";

const encoder = new TextEncoder();

/** Bytes of the datagrams that async handlers may hold at once. */
const MAX_PENDING = 4 * 1024 * 1024;
/** Counted for each of them in addition, so that 1024 may run at once. */
const PENDING_COST = 4096;

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

/** Runs the receive loop: handler, loop guard, replies. */
class UdpServer implements DatagramServer {
  /** The socket's address. */
  readonly addr: NetAddress<"udp">;
  /** Resolves when the loop has ended and the port is free. */
  readonly finished: Promise<void>;
  /** The bound socket; the shutdown closes it. */
  readonly #socket: DatagramSocket;
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
  /** What pending handlers, their replies and `onError` hold, in bytes. */
  #pending = 0;
  /** Resolved when `#pending` shrinks, and by the shutdown. */
  #room = Promise.withResolvers<void>();
  /** Whether the shutdown has started. */
  #stopped = false;

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
    this.finished = this.#run();
  }

  async shutdown(): Promise<void> {
    this.#stopped = true;
    this.#room.resolve();
    await this.#socket.close();
    await this.finished;
  }

  stats(): DatagramServerStats {
    return { ...this.#stats, dropped: this.#socket.dropped };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Receives until the socket is closed, then waits for the port. */
  async #run(): Promise<void> {
    const { signal } = this.#options;
    // `finished` rejects with the same.
    const abort = () => void this.shutdown().catch(() => {});
    signal?.addEventListener("abort", abort, { once: true });
    await this.#receiveLoop();
    signal?.removeEventListener("abort", abort);
    // The port is free only once this resolves.
    await this.#socket.close();
  }

  async #receiveLoop(): Promise<void> {
    for (;;) {
      if (this.#pending >= MAX_PENDING) await this.#waitForRoom();
      let data: Uint8Array<ArrayBuffer>;
      let from: NetAddress<"udp">;
      try {
        [data, from] = await this.#socket.recvFrom();
      } catch (error) {
        // Only the close of the socket makes `recvFrom` reject.
        if (!this.#stopped) log(error);
        return;
      }
      this.#stats.received++;
      this.#stats.bytesReceived += data.length;
      const reply = this.#handle(data, from);
      // One reply at a time: when the network is full, datagrams wait in the
      // socket's bounded queue instead of in memory.
      if (reply !== undefined) await this.#reply(reply, from);
    }
  }

  /** Returns the reply of a sync handler; that of an async one is sent later. */
  #handle(
    data: Uint8Array<ArrayBuffer>,
    from: NetAddress<"udp">,
  ): DatagramReply {
    try {
      const reply = this.#handler(data, from);
      if (!(reply instanceof Promise)) return reply;
      // Not awaited, so that a slow handler does not delay other datagrams.
      this.#track(this.#replyLater(reply, from), data.length);
    } catch (error) {
      this.#reportError(error, from);
    }
  }

  async #replyLater(
    pending: Promise<DatagramReply>,
    from: NetAddress<"udp">,
  ): Promise<void> {
    try {
      await this.#reply(await pending, from);
    } catch (error) {
      this.#reportError(error, from);
    }
  }

  /** Counts work that the receive loop does not await; it must not reject. */
  async #track(work: Promise<void>, bytes: number): Promise<void> {
    const cost = bytes + PENDING_COST;
    this.#pending += cost;
    await work;
    this.#pending -= cost;
    this.#room.resolve();
  }

  /** Leaves datagrams to the socket's queue, which drops and counts. */
  async #waitForRoom(): Promise<void> {
    while (this.#pending >= MAX_PENDING && !this.#stopped) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
  }

  async #reply(reply: DatagramReply, from: NetAddress<"udp">): Promise<void> {
    if (reply === undefined) return;
    // A source port of 0 is always forged, and cannot be sent to.
    if (from.port === 0 || !this.#mayReply(from)) {
      this.#stats.withheld++;
      return;
    }
    const data = typeof reply === "string" ? encoder.encode(reply) : reply;
    try {
      await this.#socket.sendTo(data, from);
      this.#stats.sent++;
      this.#stats.bytesSent += data.length;
    } catch (error) {
      this.#reportError(error, from);
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
