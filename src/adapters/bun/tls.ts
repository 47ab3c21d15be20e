import { CIPHER_SUITES } from "../../net/tls_suites.ts";
import type { TlsConnectOptions, TlsListenOptions } from "../../socket.ts";

// The options only: handshakes are in listener.ts and connect.ts, the end of a
// TLS connection in handle.ts.

/** Returns Bun's `tls` option of a listener. */
export function serverTlsOptions(
  { cert, key, alpnProtocols }: TlsListenOptions,
): object {
  return { cert, key, ciphers: CIPHER_SUITES, ...encodeAlpn(alpnProtocols) };
}

/**
 * Returns Bun's `tls` option of a client.
 *
 * @param hostname The name to verify, unless the options have another.
 */
export async function clientTlsOptions(
  { caCerts, serverName, alpnProtocols }: TlsConnectOptions,
  hostname: string,
): Promise<object> {
  return {
    // Given, it also overrides NODE_TLS_REJECT_UNAUTHORIZED=0; and without any
    // option Bun would speak plain text.
    rejectUnauthorized: true,
    ciphers: CIPHER_SUITES,
    // A certificate has no scope, as that of `fe80::1%eth0`.
    serverName: (serverName ?? hostname).replace(/%.*/, ""),
    // Bun's `ca` replaces the public roots, where Deno's `caCerts` adds.
    ...(caCerts && { ca: [...caCerts, ...await publicRoots()] }),
    ...encodeAlpn(alpnProtocols),
  };
}

async function publicRoots(): Promise<readonly string[]> {
  const tls = await import("node:tls");
  // With those of NODE_EXTRA_CA_CERTS and the like.
  return tls.getCACertificates("default");
}

/** Encodes ALPN names as the handshake carries them: each after its length. */
function encodeAlpn(protocols: string[] = []): object {
  if (protocols.length === 0) return {};
  const names = protocols.map((name) =>
    String.fromCharCode(name.length) + name
  );
  return { ALPNProtocols: names.join("") };
}
