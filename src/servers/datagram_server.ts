import type { LoopGuardOptions } from "./loop_guard.ts";
import type { NetAddress } from "../socket.ts";

/**
 * The reply to a datagram: bytes, text as UTF-8, or `undefined` for none. Empty
 * bytes or text are a reply, an empty datagram.
 *
 * @category UDP
 */
export type DatagramReply = Uint8Array | string | void;

/**
 * Handles one datagram and returns the reply, or nothing. The array belongs to
 * the handler, which may keep and change it. An async handler does not delay
 * the next datagrams; their replies may overtake its own.
 *
 * At most 1024 async handlers run at once, fewer with large datagrams: together
 * they hold 4 MiB. Further datagrams wait in the socket's queue, and those that
 * find it full are dropped, see {@linkcode DatagramServerStats.dropped}. A
 * handler that never settles takes its place for good, and so does an async
 * `onError`.
 *
 * @category UDP
 */
export type DatagramHandler = (
  data: Uint8Array<ArrayBuffer>,
  from: NetAddress<"udp">,
) => DatagramReply | Promise<DatagramReply>;

/**
 * Options of {@linkcode serveDatagrams} in addition to {@linkcode BindOptions}:
 * loop guard and callbacks.
 *
 * @category Options
 */
export interface DatagramServerOptions {
  /**
   * Limits of the protection against endless replies; `false` turns it off.
   *
   * @default {}
   */
  loopGuard?: LoopGuardOptions | false | undefined;
  /**
   * Stops the server, like `shutdown()`. If it is aborted already,
   * `serveDatagrams` rejects with `signal.reason`.
   */
  signal?: AbortSignal | undefined;
  /**
   * Called once with the bound address, when the server is ready.
   * `serveDatagrams` waits for it; when it throws, the server stops and
   * `serveDatagrams` rejects with that error.
   */
  onListen?: ((addr: NetAddress<"udp">) => void | Promise<void>) | undefined;
  /**
   * Called with what the handler threw, or with the error of a reply that
   * could not be sent. What it throws itself is printed on standard error.
   * Without it, every error is printed except a `SocketError`, which any peer
   * can cause; only the first missing permission to reply is printed, too.
   * Errors are printed as `serve` does.
   */
  onError?:
    | ((error: unknown, from: NetAddress<"udp">) => void | Promise<void>)
    | undefined;
}

/**
 * Counters of a datagram server, see {@linkcode DatagramServer.stats}.
 *
 * @category UDP
 */
export interface DatagramServerStats {
  /** Datagrams for which the handler was called. */
  received: number;
  /** Replies sent. */
  sent: number;
  /**
   * Replies withheld by the loop guard, see {@linkcode LoopGuardOptions}, and
   * replies to port 0.
   */
  withheld: number;
  /**
   * Datagrams dropped because the socket's queue was full: they came faster
   * than replies could be sent, or than handlers settled.
   */
  dropped: number;
  /** Bytes in the datagrams received. */
  bytesReceived: number;
  /** Bytes in the replies sent. */
  bytesSent: number;
}

/**
 * A running datagram server. Leaving the scope of an `await using` stops it.
 *
 * @category UDP
 */
export interface DatagramServer extends AsyncDisposable {
  /** The bound address; its port is the real one, even if 0 was asked for. */
  readonly addr: NetAddress<"udp">;
  /** Resolves when the server has stopped and its port is free. */
  readonly finished: Promise<void>;
  /**
   * Stops the server without waiting for pending handlers; their replies fail
   * with `EBADF`. Resolves when the port is free. Idempotent.
   */
  shutdown(): Promise<void>;
  /** Returns a snapshot of the counters. */
  stats(): DatagramServerStats;
}
