import { type Address, formatAddress } from "../socket.ts";
import type { AcceptQueue } from "./adapter.ts";
import { toSocketError } from "./socket_error.ts";
import { handshakeError } from "./tls_failure.ts";

/** The error of a handshake that took too long. */
export function lateHandshake(): Error {
  const error = new Error("The handshake was not done in time");
  return Object.assign(error, { code: "ETIMEDOUT", syscall: "accept" });
}

/** Reports a client that a listener closes because of its handshake. */
export function reportRejected(
  queue: AcceptQueue,
  addr: Address,
  error: unknown,
): void {
  if (queue.onReject === undefined || queue.isClosed) return;
  const call = `Cannot accept ${formatAddress(addr)}`;
  queue.onReject(addr, toSocketError(handshakeError(error), call));
}
