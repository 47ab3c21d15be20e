import type { CheckedConnect, CheckedListen } from "./adapter.ts";

/** A handshake that failed, whatever code the runtime gives the reason. */
export function protocolError(cause: Error | null): Error {
  const reason = cause?.message ?? "the peer is not the one that was named";
  return Object.assign(new Error(reason, { cause }), { code: "EPROTO" });
}

/** ALPN names as the handshake carries them: each after its length. */
export function wireNames(protocols: string[]): string {
  return protocols.map((name) => String.fromCharCode(name.length) + name)
    .join("");
}

/** Whether these options ask for TLS. */
export function isSecure(options: CheckedListen | CheckedConnect): boolean {
  return options.transport === "tcp" && options.tls !== undefined;
}
