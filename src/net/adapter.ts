import type { Address, NetAddress, TlsListenOptions } from "../socket.ts";
import type {
  CheckedBind,
  CheckedConnect,
  CheckedListen,
} from "./checked_options.ts";
import type { AcceptQueue } from "./accept_queue.ts";
import type { DatagramQueue } from "./datagram_queue.ts";
import type { MulticastInterface } from "./multicast.ts";
import type { SocketConnection } from "./socket_connection.ts";

export type { AcceptQueue };

/** A runtime's listening socket, which fills an {@linkcode AcceptQueue}. */
export interface ListenerHandle {
  readonly addr: Address;
  /**
   * A call of `accept` waits. Where the runtime accepts by itself there is
   * nothing to do.
   */
  acceptStart?(): void;
  /** Closes the socket; resolves when the address is free. */
  close(): Promise<void> | void;
}

/**
 * Sends to an address, as {@linkcode DatagramHandle.send} does, but possibly
 * together with other replies.
 *
 * @param data Not changed by anybody until `done` is called.
 * @param done Called with the error, if any, at once or later.
 */
export type SendReply = (
  data: Uint8Array,
  hostname: string,
  port: number,
  done: (error?: unknown) => void,
) => void;

/** A runtime's UDP socket, which fills a {@linkcode DatagramQueue}. */
export interface DatagramHandle {
  readonly addr: NetAddress<"udp">;
  /** Whether sends under way at once may leave in another order. */
  readonly isUnordered?: boolean;
  /**
   * Sends one datagram; returns no promise if the runtime took it at once.
   *
   * @param hostname An IP address of the socket's family, or a name.
   * @param isName Whether it is a name, to be resolved for the family.
   */
  send(
    data: Uint8Array,
    hostname: string,
    port: number,
    isName: boolean,
  ): Promise<unknown> | void;
  /** Sends a reply. Absent where `send` does as well. */
  readonly reply?: SendReply | undefined;
  /** Joins a group of the socket's family, or fails as the kernel does. */
  joinMulticast(
    group: string,
    on: MulticastInterface | undefined,
  ): Promise<void> | void;
  /** Leaves the group on the same interface. */
  leaveMulticast(
    group: string,
    on: MulticastInterface | undefined,
  ): Promise<void> | void;
  /**
   * Closes the socket; resolves when the port is free.
   *
   * @param sending Settles with the last of the sends that wait for each other.
   */
  close(sending: Promise<unknown> | undefined): Promise<void> | void;
}

/**
 * What a runtime provides. Its errors may be native: the caller turns them
 * into a `SocketError` by their `code`. What the runtime cannot do is rejected
 * with `ENOTSUP` and a remedy, never ignored.
 */
export interface Adapter {
  /** Whether the program runs on this runtime. */
  readonly isCurrent: boolean;
  /** Listens, and puts accepted connections into the queue. */
  listen(
    options: CheckedListen,
    queue: AcceptQueue,
  ): ListenerHandle | Promise<ListenerHandle>;
  /**
   * Connects; with TLS it resolves after a verified handshake. The caller
   * rejects on abort, and closes a connection that comes later; an adapter that
   * can gives up by itself.
   */
  connect(options: CheckedConnect): Promise<SocketConnection>;
  /** Throws unless the certificates of a later `startTls` are of use. */
  checkCertificates(tls: TlsListenOptions): Promise<void>;
  /** Binds, and puts received datagrams into the queue. */
  bind(
    options: CheckedBind,
    queue: DatagramQueue,
  ): DatagramHandle | Promise<DatagramHandle>;
  /**
   * Writes to standard error without blocking the event loop. Absent where
   * `process.stderr` does that.
   */
  writeError?(data: Uint8Array): Promise<void>;
  /**
   * Whether `node:os` may list the interfaces without a question to the user.
   * Absent where it always may.
   */
  canListInterfaces?(): boolean;
}
