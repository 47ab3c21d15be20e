/**
 * The POSIX codes a {@linkcode SocketError} carries, the same on every runtime.
 *
 * | code | meaning |
 * | --- | --- |
 * | `EADDRINUSE` | the address is taken, or a Unix path has a file already |
 * | `EADDRNOTAVAIL` | the address is not one of this machine's |
 * | `EACCES` | the system or the runtime's permissions refuse it |
 * | `ECONNREFUSED` | nobody listens there |
 * | `ECONNRESET` | the peer cut the connection |
 * | `ECONNABORTED` | the connection was cut before it was set up |
 * | `EPIPE` | sending after `closeWrite()`, or to a peer that is gone |
 * | `ETIMEDOUT` | no answer, or idle for too long |
 * | `EHOSTUNREACH`, `ENETUNREACH` | no route to the address |
 * | `ENOTFOUND` | the host name does not resolve |
 * | `ENOENT` | the socket file, or the folder to make it in, does not exist |
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
 *
 * @example Which faults may be over at the next try
 * ```ts
 * import type { SocketErrorCode } from "@parley/echo";
 *
 * function mayPass(code: SocketErrorCode): boolean {
 *   switch (code) {
 *     case "ECONNREFUSED":
 *     case "ETIMEDOUT":
 *     case "EAGAIN":
 *       return true;
 *     default:
 *       return false;
 *   }
 * }
 * console.log(mayPass("ENOTFOUND")); // false
 * ```
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
 * remedy, `code` is for programs, `cause` holds the runtime's own error where
 * there is one.
 *
 * Wrong arguments are a `TypeError` or a `RangeError` instead, and an aborted
 * call rejects with `signal.reason`.
 *
 * @example Acts on the code
 * ```ts
 * import { listen, SocketError } from "@parley/echo";
 *
 * await using first = await listen({ port: 0 });
 * try {
 *   await using _second = await listen({ port: first.addr.port });
 * } catch (error) {
 *   if (!(error instanceof SocketError)) throw error;
 *   if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
 *   console.error(error.message); // Cannot listen on 127.0.0.1:… (…): …
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
   *
   * @example
   * ```ts
   * import { SocketError } from "@parley/echo";
   *
   * const error = new SocketError("ETIMEDOUT", "No answer in 5 seconds");
   * console.log(`${error.name} ${error.code}`); // SocketError ETIMEDOUT
   * ```
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
