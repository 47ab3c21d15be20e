import type { TlsConnectOptions, TlsListenOptions } from "../../socket.ts";
import { wireNames } from "../../net/tls.ts";

// The options only: the handshakes are in bun.ts, the end in BunConnection.

/** Bun's `tls` of a listener. */
export function identityOf(
  { cert, key, alpnProtocols }: TlsListenOptions,
): object {
  return { cert, key, ...alpnOf(alpnProtocols) };
}

/** Bun's `tls` of a client. */
export async function trustOf(options: TlsConnectOptions): Promise<object> {
  const { caCerts, serverName, alpnProtocols } = options;
  return {
    // Given, it also outdoes NODE_TLS_REJECT_UNAUTHORIZED=0; and without any
    // option Bun would speak plain text.
    rejectUnauthorized: true,
    ...(serverName !== undefined && { serverName }),
    // Bun's `ca` replaces the public roots, where Deno's `caCerts` adds.
    ...(caCerts && { ca: [...caCerts, ...await publicRoots()] }),
    ...alpnOf(alpnProtocols),
  };
}

async function publicRoots(): Promise<readonly string[]> {
  const tls = await import("node:tls");
  // With those of NODE_EXTRA_CA_CERTS and the like.
  return tls.getCACertificates("default");
}

function alpnOf(protocols: string[] = []): object {
  return protocols.length > 0 && { ALPNProtocols: wireNames(protocols) } || {};
}
