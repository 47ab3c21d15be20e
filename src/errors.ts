/**
 * The POSIX codes a {@linkcode SocketError} carries, the same on every runtime.
 *
 * | code | meaning |
 * | --- | --- |
 * | `EADDRINUSE` | the address has a listener already |
 * | `EADDRNOTAVAIL` | the address is not one of this machine's |
 * | `EACCES` | the system or the runtime's permissions refuse it |
 * | `ECONNREFUSED` | nobody listens there |
 * | `ECONNRESET` | the peer cut the connection |
 * | `ECONNABORTED` | the connection was cut before it was set up |
 * | `EPIPE` | sending after `closeWrite()`, or to a peer that is gone |
 * | `ETIMEDOUT` | no answer, or idle for too long |
 * | `EHOSTUNREACH`, `ENETUNREACH` | no route to the address |
 * | `ENOTFOUND` | the host name does not resolve |
 * | `ENOENT` | the socket file does not exist |
 * | `EINVAL` | the system takes no such address, as a path that is too long |
 * | `EAGAIN` | the queue of a Unix server is full |
 * | `EMFILE` | this process has no descriptor left |
 * | `EMSGSIZE` | the datagram is too large |
 * | `EAFNOSUPPORT` | the address is of another family than the socket |
 * | `EPROTO` | TLS failed: certificate, name or protocol |
 * | `EBADF` | you closed it |
 * | `EBUSY` | another call is receiving already |
 * | `ENOTSUP` | this runtime cannot do it; the message says what can be done |
 * | `EIO` | anything else; `cause` holds the runtime's own error |
 */
export type SocketErrorCode =
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "EACCES"
  | "ECONNREFUSED"
  | "ECONNRESET"
  | "ECONNABORTED"
  | "EPIPE"
  | "ETIMEDOUT"
  | "EHOSTUNREACH"
  | "ENETUNREACH"
  | "ENOTFOUND"
  | "ENOENT"
  | "EINVAL"
  | "EAGAIN"
  | "EMFILE"
  | "EMSGSIZE"
  | "EAFNOSUPPORT"
  | "EPROTO"
  | "EBADF"
  | "EBUSY"
  | "ENOTSUP"
  | "EIO";

/**
 * What a socket call rejects with when the arguments were right and the world
 * was not: one class on every runtime. The message names the address and the
 * remedy, `code` is for programs, `cause` holds the runtime's own error.
 *
 * @example
 * ```ts
 * import { connect, SocketError } from "@parley/echo";
 *
 * try {
 *   await connect({ port: 1 });
 * } catch (error) {
 *   if (!(error instanceof SocketError)) throw error;
 *   console.error(error.code); // "ECONNREFUSED"
 * }
 * ```
 */
export class SocketError extends Error {
  /** The class's name, `"SocketError"`. */
  override readonly name = "SocketError";
  /** The POSIX code of the fault. */
  readonly code: SocketErrorCode;

  /**
   * Makes an error with a code; the package makes them, a test may too.
   *
   * @param code The POSIX code.
   * @param message What failed, where, and what to do about it.
   * @param options `cause`: the runtime's own error.
   */
  constructor(
    code: SocketErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
  }
}
