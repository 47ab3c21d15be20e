import type { CheckedConnect, CheckedListen } from "./adapter.ts";

/** How long a client may take for its handshake, in milliseconds. */
export const HANDSHAKE_TIME = 10_000;

/** A handshake that failed, whatever code the runtime gives the reason. */
export function protocolError(cause: Error | null): Error {
  const reason = cause?.message ?? "the peer is not the one that was named";
  return Object.assign(new Error(reason, { cause }), { code: "EPROTO" });
}

/** ALPN names as the handshake carries them: each after its length. */
export function wireNames(protocols: string[]): Uint8Array {
  const encoder = new TextEncoder();
  return Uint8Array.from(protocols.flatMap((name) => {
    const bytes = encoder.encode(name);
    return [bytes.length, ...bytes];
  }));
}

/** Whether these options ask for TLS. */
export function isSecure(options: CheckedListen | CheckedConnect): boolean {
  return options.transport === "tcp" && options.tls !== undefined;
}
