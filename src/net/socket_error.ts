import { SocketError, type SocketErrorCode } from "../errors.ts";

/** What each code means and what to do about it, after "Cannot … (CODE): ". */
const EXPLANATIONS: Record<SocketErrorCode, string> = {
  EADDRINUSE:
    "the address is in use, stop the other server or choose another port or path",
  EADDRNOTAVAIL: "the address is not one of this machine's",
  EACCES: "permission denied",
  ECONNREFUSED: "nobody listens there, start the server or check the address",
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
  EMFILE:
    "no file descriptor is left, close some or raise the limit (ulimit -n)",
  EMSGSIZE: "the datagram is too large, send at most 65507 bytes",
  EAFNOSUPPORT: "the address is of another family than the socket's",
  EPROTO: "TLS failed",
  EBADF: "it is closed",
  EBUSY: "another call is receiving already, wait for it or abort it",
  ENOTSUP: "this runtime cannot do that",
  EIO: "the system reported an error",
};

/** Codes that say the same as one of ours. */
const SYNONYMS: Record<string, SocketErrorCode> = {
  ENFILE: "EMFILE",
  EPERM: "EACCES",
  ENAMETOOLONG: "EINVAL",
  ENOTCONN: "ECONNRESET",
  ESHUTDOWN: "EPIPE",
  // Where a Unix socket is expected: a regular file, a missing directory.
  ENOTSOCK: "ECONNREFUSED",
  ENOTDIR: "ENOENT",
};

/** Makes a SocketError: `doing` is as "Cannot listen on 127.0.0.1:80". */
export function fault(
  code: SocketErrorCode,
  doing: string,
  cause?: unknown,
  explanation: string = EXPLANATIONS[code],
): SocketError {
  return new SocketError(
    code,
    `${doing} (${code}): ${explanation}`,
    cause === undefined ? undefined : { cause },
  );
}

/**
 * Turns what a runtime threw into a SocketError; one that is a SocketError
 * already stays as it is. A native error that tells nothing is `otherwise`.
 */
export function toFault(
  error: unknown,
  doing: string,
  otherwise: SocketErrorCode = "EIO",
): SocketError {
  if (error instanceof SocketError) return error;
  const { name = "", code = "", message = "" } = error as Partial<NativeError>;
  // Deno's message names the permission flag, and TLS's the flaw.
  if (name === "NotCapable") return fault("EACCES", doing, error, message);
  const found = codeOf(name, code, message) ?? otherwise;
  if (found === "EPROTO") {
    return fault(found, doing, error, `TLS failed, ${message}`);
  }
  return fault(found, doing, error);
}

type NativeError = Error & { code: string };

function codeOf(
  name: string,
  code: string,
  message: string,
): SocketErrorCode | undefined {
  if (Object.hasOwn(EXPLANATIONS, code)) return code as SocketErrorCode;
  if (Object.hasOwn(SYNONYMS, code)) return SYNONYMS[code];
  // Deno's resolver and its permission classes come without a code.
  if (
    /^EAI_/.test(code) || /lookup address information/.test(message) ||
    // A name that cannot be one.
    name === "URIError"
  ) {
    return "ENOTFOUND";
  }
  if (name === "PermissionDenied") return "EACCES";
  if (name === "TimedOut") return "ETIMEDOUT";
}
