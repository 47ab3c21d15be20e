import type { SocketError } from "../errors.ts";
import type { Address } from "../socket.ts";
import type { SocketConnection } from "./socket_connection.ts";
import { type FailedCall, socketError } from "./socket_error.ts";
import { WaitQueue } from "./wait_queue.ts";

/** Called with each connection that is closed before `accept` returns it. */
export type OnReject = (peer: Address, error: SocketError) => void;

/**
 * The connections of a listener, which `accept` takes. They wait unread, and
 * those that do not get in are reported.
 */
export class AcceptQueue extends WaitQueue<SocketConnection> {
  onReject: OnReject | undefined;

  /** Queues a connection; resets it if the queue is full or closed. */
  add(connection: SocketConnection): void {
    if (this.put(connection)) return;
    connection.reset();
    this.rejectExcess(connection.remoteAddr);
  }

  /** Reports a connection that was closed, unless that is by our own close. */
  reject(peer: Address, toError: (call: FailedCall) => SocketError): void {
    if (this.isClosed) return;
    this.onReject?.(peer, toError(acceptCall(peer)));
  }

  /** Reports a connection that was closed because the queue is full. */
  rejectExcess(peer: Address): void {
    const reason = "`backlog` connections wait already";
    this.reject(peer, (call) => socketError("EAGAIN", call, undefined, reason));
  }
}

/** The call that fails for a rejected peer. */
export function acceptCall(peer: Address): FailedCall {
  return { syscall: "accept", address: peer };
}
