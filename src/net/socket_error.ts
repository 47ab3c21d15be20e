import { type Address, formatAddress } from "../address.ts";
import {
  EXPLANATIONS,
  SocketError,
  type SocketErrorCode,
  type Syscall,
  type TlsFailureReason,
} from "../errors.ts";
import { escapeControls, escapeLines } from "../escape.ts";
import { startAtCaller } from "./stack.ts";
import { tlsFailure } from "./tls_failure.ts";

/** Codes of the system or of a runtime, and the code they are reported as. */
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

/** An error of a runtime, with the code that most of them have. */
export type NativeError = Error & { code?: string };

/** The call that failed, for its error. */
export interface FailedCall {
  readonly syscall: Syscall;
  readonly address?: Address | undefined;
  /** What the message says between "Cannot" and the address. */
  readonly words?: string;
  /** Made when the call started, so that its stack leads there. */
  readonly caller?: Error;
}

/** What the message says of each call. */
const WORDS: Record<Syscall, string> = {
  listen: "listen on",
  accept: "accept",
  connect: "connect to",
  bind: "bind",
  recv: "receive, peer",
  send: "send, peer",
  startTls: "start TLS, peer",
  closeWrite: "end the sending side, peer",
  close: "remove",
  recvFrom: "receive on",
  sendTo: "send to",
  joinMulticast: "join",
  leaveMulticast: "leave",
};

/**
 * Makes a {@linkcode SocketError}. Control characters are escaped, also in the
 * text of the cause: a peer may have chosen them, as a name in a certificate.
 *
 * @param code The POSIX code.
 * @param call The call that failed.
 * @param cause The runtime's own error.
 * @param explanation The end of the message, where the code's is too general.
 * @param reason Why TLS failed.
 */
export function socketError(
  code: SocketErrorCode,
  call: FailedCall,
  cause?: unknown,
  explanation: string = EXPLANATIONS[code],
  reason?: TlsFailureReason,
): SocketError {
  const { syscall, address, words = WORDS[syscall], caller } = call;
  const where = address === undefined ? "" : ` ${formatAddress(address)}`;
  const message = escapeControls(
    `Cannot ${words}${where} (${code}): ${explanation}`,
  );
  escapeMessages(cause);
  const options = { syscall, address, reason };
  const error = new SocketError(
    code,
    message,
    cause === undefined ? options : { ...options, cause },
  );
  startAtCaller(error, caller ?? new Error());
  return error;
}

/** The most causes of an error to look at: they may go round in a circle. */
const MAX_CAUSES = 8;

/** Escapes what a console prints of a runtime's error and its causes. */
function escapeMessages(error: unknown): void {
  try {
    for (let i = 0; i < MAX_CAUSES && error instanceof Error; i++) {
      const { message } = error;
      const escaped = escapeLines(message);
      if (escaped !== message) {
        // Not before: Deno panics if it makes a stack without a descriptor.
        const { stack } = error;
        error.message = escaped;
        if (stack !== undefined) error.stack = escapeLines(stack);
      }
      error = error.cause;
    }
  } catch {
    // A cause that a caller's function threw stays as it is: it may be frozen,
    // or a proxy that throws.
  }
}

/**
 * Turns a runtime's error into a {@linkcode SocketError}, unless it is one.
 *
 * @param error The error.
 * @param call The call that failed.
 * @param fallbackCode The code of an error that has none.
 */
export function toSocketError(
  error: unknown,
  call: FailedCall,
  fallbackCode: SocketErrorCode = "EIO",
): SocketError {
  if (error instanceof SocketError) return error;
  const native: Partial<NativeError> = error instanceof Error ? error : {};
  const { name = "", message = "" } = native;
  // Deno's message names the permission flag.
  if (name === "NotCapable") return socketError("EACCES", call, error, message);
  const code = codeOf(name, native.code ?? "", message) ?? fallbackCode;
  if (code !== "EPROTO") return socketError(code, call, error);
  const { message: remedy, reason, cause } = tlsFailure(error);
  return socketError(code, call, cause, remedy, reason);
}

/** Gives an error the code that its runtime left out. */
export function withErrorCode(error: Error, code: string): NativeError {
  return Object.assign(error, { code });
}

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
  // OpenSSL's errors in Node.
  if (/^ERR_(SSL|OSSL|TLS)_/.test(code)) return "EPROTO";
  // Deno has no code for it.
  if (/wrong type for socket/.test(message)) return "EPROTOTYPE";
  if (name === "PermissionDenied") return "EACCES";
  if (name === "TimedOut") return "ETIMEDOUT";
}
