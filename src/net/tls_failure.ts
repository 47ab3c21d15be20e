import {
  SocketError,
  TLS_EXPLANATIONS,
  type TlsFailureReason,
} from "../errors.ts";

/** Codes by which the runtimes report a certificate, OpenSSL's in Deno too. */
const REASONS: Record<string, TlsFailureReason> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-ca",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-ca",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-ca",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-ca",
  CERT_SIGNATURE_FAILURE: "unknown-ca",
  CERT_UNTRUSTED: "unknown-ca",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "wrong-name",
};

/**
 * Parts of a code or, where Bun has none, of the text. Our own ClientHello that
 * an echo server returns is unexpected to OpenSSL, and no failure of TLS.
 */
const PATTERNS: readonly [RegExp, TlsFailureReason][] = [
  [
    /WRONG_VERSION_NUMBER|HTTPS?_(PROXY_)?REQUEST|EXCESSIVE_MESSAGE_SIZE/,
    "not-tls",
  ],
  [/UNEXPECTED_MESSAGE|got ClientHello when expecting ServerHello/, "not-tls"],
  [
    /DID_NOT_RETURN_A_CERTIFICATE|CERTIFICATE_REQUIRED/,
    "no-client-certificate",
  ],
  [/NO_APPLICATION_PROTOCOL/, "alpn"],
];

/** A peer's end during the handshake, as Node, Deno, Bun and we say it. */
const LEFT = /disconnected before|hang up|end of file|peer closed/;

const UNUSABLE_CERTIFICATE =
  "a certificate or key is of no use, check that it is valid PEM and that the " +
  "key belongs to the certificate";

const PEER_LEFT =
  "TLS failed, the peer closed the connection during the handshake, check the " +
  "port, and the peer's log";

/** A TLS failure: the message is the remedy, the cause the runtime's error. */
export class TlsFailure extends Error {
  readonly code = "EPROTO";
  readonly reason: TlsFailureReason;

  constructor(
    reason: TlsFailureReason,
    cause?: unknown,
    message: string = TLS_EXPLANATIONS[reason],
  ) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** Turns a runtime's error of TLS into the one that every runtime reports. */
export function tlsFailure(error: unknown): TlsFailure {
  if (error instanceof TlsFailure) return error;
  const { code = "", message = "" } = error instanceof Error
    ? error as Error & { code?: string }
    : {};
  // Handshakes have ERR_SSL, certificates and keys that are loaded these.
  if (/^ERR_(OSSL|BORINGSSL)/.test(code)) return certificateFailure(error);
  if (LEFT.test(message)) return new TlsFailure("handshake", error, PEER_LEFT);
  return new TlsFailure(reasonOf(code, message), error);
}

/** Makes the error of a certificate or a key that cannot be used. */
export function certificateFailure(cause: unknown): TlsFailure {
  return new TlsFailure("handshake", cause, UNUSABLE_CERTIFICATE);
}

function reasonOf(code: string, message: string): TlsFailureReason {
  // The text of a wrong name has names that the peer chose.
  if (Object.hasOwn(REASONS, code)) return REASONS[code];
  const text = `${code} ${message}`;
  const [, reason] = PATTERNS.find(([part]) => part.test(text)) ?? [];
  return reason ?? "handshake";
}

/**
 * Turns the error of a handshake into a {@linkcode TlsFailure}, unless it is
 * that of the socket, as a reset.
 */
export function handshakeError(error: unknown): unknown {
  const isSocketError = error instanceof SocketError ||
    (error instanceof Error && "syscall" in error);
  return isSocketError ? error : tlsFailure(error);
}

/** What a handshake found out about a client's certificate. */
export interface ClientVerdict {
  /** The dates of the certificate; undefined where the client sent none. */
  readonly dates: { readonly from: string; readonly to: string } | undefined;
  /** The code of its verification, if that failed. */
  readonly code: string | undefined;
  /** Whether it was not verified at all, as that of a resumed session. */
  readonly isUnverified?: boolean;
}

/** Returns why a client is refused, if it is. */
export function clientFlaw(
  clientAuth: "request" | "require",
  { dates, code, isUnverified }: ClientVerdict,
): TlsFailure | undefined {
  if (dates === undefined) {
    return clientAuth === "request"
      ? undefined
      : new TlsFailure("no-client-certificate");
  }
  const now = Date.now();
  const isEarly = !(now >= Date.parse(dates.from));
  // Deno reports a certificate that is not valid yet as one it cannot verify.
  if (code !== undefined && !isEarly) return clientFailure(code);
  // A resumed session has the verdict of the first handshake.
  const isExpired = !(now <= Date.parse(dates.to));
  if (code !== undefined || isEarly || isExpired) {
    return clientFailure("CERT_HAS_EXPIRED");
  }
  return isUnverified ? clientFailure("CERT_UNTRUSTED") : undefined;
}

/** The error of a handshake that the peer broke off. */
export function peerLeft(): Error {
  return new Error("The peer closed the connection");
}

/** Why a client's certificate is refused, by the code of its verification. */
function clientFailure(code: string): TlsFailure {
  const cause = Object.assign(new Error(`The client's certificate: ${code}`), {
    code,
  });
  return tlsFailure(cause);
}
