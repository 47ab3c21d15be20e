import type { Address } from "./address.ts";

/**
 * The POSIX codes a {@linkcode SocketError} carries, the same on every runtime.
 *
 * | code | meaning |
 * | --- | --- |
 * | `EADDRINUSE` | the address is taken, or a Unix path has a file already |
 * | `EADDRNOTAVAIL` | the address is not one of this machine's |
 * | `EACCES` | the system or the runtime's permissions refuse it |
 * | `ECONNREFUSED` | no server listens there |
 * | `ECONNRESET` | the peer reset the connection |
 * | `ECONNABORTED` | the connection was cut before it was set up |
 * | `EPIPE` | sending after `closeWrite()`, or to a peer that is gone |
 * | `ETIMEDOUT` | no answer, or idle for too long |
 * | `EHOSTUNREACH`, `ENETUNREACH` | no route to the address |
 * | `ENOTFOUND` | the host name does not resolve |
 * | `ENOENT` | the socket file, or the folder to make it in, does not exist |
 * | `EINVAL` | the system takes no such address, as a path that is too long |
 * | `EAGAIN` | a queue or a limit of the server is full |
 * | `EPROTOTYPE` | the Unix path is that of a socket for datagrams |
 * | `EMFILE` | this process has no descriptor left |
 * | `EMSGSIZE` | the datagram is too large, or no message ends in `maxBytes` |
 * | `ENODEV` | no network interface has the address |
 * | `EAFNOSUPPORT` | the address is of another family than the socket |
 * | `EOF` | the peer ended in the middle of a message |
 * | `EPROTO` | TLS failed; `reason` says why |
 * | `EBADF` | you closed it |
 * | `EBUSY` | another call is receiving already |
 * | `ENOTSUP` | this runtime cannot do it; the message says what can be done |
 * | `EIO` | anything else; `cause` holds the runtime's own error |
 *
 * @example Codes for which another try may succeed
 * ```ts
 * import type { SocketErrorCode } from "@parley/echo";
 *
 * const transient: SocketErrorCode[] = ["ECONNREFUSED", "ETIMEDOUT", "EAGAIN"];
 *
 * console.log(transient.includes("ENOTFOUND")); // false
 * ```
 *
 * @category Errors
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
  | "EPROTOTYPE"
  | "EMFILE"
  | "EMSGSIZE"
  | "ENODEV"
  | "EAFNOSUPPORT"
  | "EPROTO"
  | "EOF"
  | "EBADF"
  | "EBUSY"
  | "ENOTSUP"
  | "EIO";

/** Every code, what it means and what to do about it: the end of a message. */
export const EXPLANATIONS: Readonly<Record<SocketErrorCode, string>> = {
  EADDRINUSE:
    "the address is in use, stop the other server or choose another port or path",
  EADDRNOTAVAIL: "the address is not one of this machine's",
  EACCES: "permission denied",
  ECONNREFUSED:
    "no server listens there, start the server or check the address",
  ECONNRESET: "the peer reset the connection",
  ECONNABORTED: "the connection was aborted",
  EPIPE: "this side has ended, or the peer is gone",
  ETIMEDOUT: "no answer in time",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENOTFOUND: "the host name does not resolve, check its spelling and the DNS",
  ENOENT: "there is no such file or directory",
  EINVAL: "the system does not take this address",
  EAGAIN: "the server's queue is full, try again",
  EPROTOTYPE: "the socket there is for datagrams, not for connections",
  EMFILE:
    "no file descriptor is left, close some or raise the limit (ulimit -n)",
  EMSGSIZE: "the datagram is too large, send at most 65507 bytes",
  ENODEV: "no network interface has this address",
  EAFNOSUPPORT: "the address is of another family than the socket's",
  EPROTO: "TLS failed",
  EOF: "the peer ended in the middle of a message",
  EBADF: "this socket is closed",
  EBUSY: "another call is receiving already, wait for it or abort it",
  ENOTSUP: "this runtime cannot do that",
  EIO: "the system reported an error",
};

/**
 * The call that failed: the `syscall` of a {@linkcode SocketError}, and the
 * name of the method or function. Everything that receives from a connection,
 * as `recvUntil` and `pipeTo`, is `"recv"`. `"accept"` is also that of peers
 * which a listener or server rejects.
 *
 * @example Distinguish the sides of a relay
 * ```ts
 * import type { SocketError } from "@parley/echo";
 *
 * function isReaderGone({ syscall, code }: SocketError): boolean {
 *   return syscall === "send" && (code === "EPIPE" || code === "ECONNRESET");
 * }
 * console.log(typeof isReaderGone);
 * ```
 *
 * @category Errors
 */
export type Syscall =
  | "listen"
  | "accept"
  | "connect"
  | "bind"
  | "recv"
  | "send"
  | "startTls"
  | "closeWrite"
  | "close"
  | "recvFrom"
  | "sendTo"
  | "joinMulticast"
  | "leaveMulticast";

/** What the options of a {@linkcode SocketError} may hold. */
interface SocketErrorOptions extends ErrorOptions {
  syscall?: Syscall | undefined;
  address?: Address | undefined;
  reason?: TlsFailureReason | undefined;
}

/**
 * Why TLS failed: the `reason` of a {@linkcode SocketError} with code `EPROTO`.
 *
 * | reason | meaning |
 * | --- | --- |
 * | `"unknown-ca"` | no trusted authority has signed the peer's certificate |
 * | `"wrong-name"` | the certificate is that of another name |
 * | `"expired"` | the certificate has expired, or is not valid yet |
 * | `"not-tls"` | the peer does not speak TLS |
 * | `"no-client-certificate"` | the server demands one, the client has none |
 * | `"alpn"` | both sides offer ALPN protocols, and none in common |
 * | `"handshake"` | anything else; `cause` holds the runtime's own error |
 *
 * @example Distinguish a certificate to renew from an attack
 * ```ts
 * import type { SocketError, TlsFailureReason } from "@parley/echo";
 *
 * const harmless: TlsFailureReason[] = ["expired", "not-tls"];
 *
 * function isHarmless({ reason }: SocketError): boolean {
 *   return reason !== undefined && harmless.includes(reason);
 * }
 * console.log(typeof isHarmless);
 * ```
 *
 * @category Errors
 */
export type TlsFailureReason =
  | "unknown-ca"
  | "wrong-name"
  | "expired"
  | "not-tls"
  | "no-client-certificate"
  | "alpn"
  | "handshake";

/** The end of a message for every reason, on either side. */
export const TLS_EXPLANATIONS: Readonly<Record<TlsFailureReason, string>> = {
  "unknown-ca":
    "TLS failed, no trusted authority has signed the peer's certificate, " +
    "add the authority's to caCerts",
  "wrong-name": "TLS failed, the peer's certificate is that of another name, " +
    "check hostname and serverName",
  expired: "TLS failed, the peer's certificate has expired or is not valid " +
    "yet, renew it or set the clock",
  "not-tls":
    "TLS failed, the peer does not speak TLS, check the port and its protocol",
  "no-client-certificate":
    "TLS failed, the server demands a client certificate, connect with " +
    "tls.cert and tls.key",
  alpn: "TLS failed, no ALPN protocol is common to both sides, check their " +
    "alpnProtocols",
  handshake: "TLS failed, a side broke off the handshake, see the cause, and " +
    "the versions, cipher suites and certificates of both sides",
};

/**
 * The error of every failed socket call, except wrong arguments and aborts: one
 * class on every runtime. The message names the call, the address and the
 * remedy; `code`, `syscall` and `address` are for programs, `cause` holds the
 * runtime's own error where there is one. The stack starts at the line of the
 * call. On Bun it has no line where the call waited for an event, as a `recv`
 * that meets a reset.
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
 *
 * @category Errors
 */
export class SocketError extends Error {
  /** The class's name, `"SocketError"`. */
  override readonly name = "SocketError";
  /** The POSIX code. */
  readonly code: SocketErrorCode;
  /** The call that failed. */
  declare readonly syscall?: Syscall;
  /**
   * The address of the call: that of the peer, or of `listen`, `connect`, `bind`
   * and `accept` as it was asked for; absent where there is none.
   */
  declare readonly address?: Address;
  /** Why TLS failed; absent unless the code is `EPROTO`. */
  declare readonly reason?: TlsFailureReason;

  /**
   * Makes an error with a code, as this package does and tests may.
   *
   * @param code The POSIX code.
   * @param message What failed, where, and what to do about it.
   * @param options `syscall` and `address`: the call; `cause`: the runtime's own
   * error; `reason`: why TLS failed.
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
    options?: SocketErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    if (options?.syscall !== undefined) this.syscall = options.syscall;
    if (options?.address !== undefined) this.address = options.address;
    if (options?.reason !== undefined) this.reason = options.reason;
  }
}
