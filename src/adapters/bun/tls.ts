import { CIPHER_SUITES } from "../../net/tls_suites.ts";
import { clientFlaw, type TlsFailure } from "../../net/tls_failure.ts";
import { sentName, toTlsInfo } from "../../net/tls_info.ts";
import type {
  TlsConnectOptions,
  TlsInfo,
  TlsListenOptions,
} from "../../socket.ts";
import type { BunError, BunSocket } from "./api.ts";

// Handshakes are in listener.ts and connect.ts, the end of a TLS connection in
// handle.ts.

/** Returns Bun's `tls` option of a listener. */
export function serverTlsOptions(
  { cert, key, alpnProtocols, clientAuth, caCerts }: TlsListenOptions,
): object {
  return {
    cert,
    key,
    ciphers: CIPHER_SUITES,
    ...encodeAlpn(alpnProtocols),
    ...(clientAuth && {
      ca: caCerts,
      requestCert: true,
      // Only sends an alert if there is no certificate: see `flawOfClient`.
      rejectUnauthorized: clientAuth === "require",
    }),
  };
}

/** Returns why a client is refused, if it is. */
export function flawOfClient(
  socket: BunSocket,
  clientAuth: TlsListenOptions["clientAuth"],
  error: BunError | null,
): TlsFailure | undefined {
  if (clientAuth === undefined) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return clientFlaw(clientAuth, {
    dates: certificate &&
      { from: certificate.validFrom, to: certificate.validTo },
    code: socket.authorized ? undefined : error?.code ?? "CERT_UNTRUSTED",
  });
}

/** Returns what makes a connection's `tls`. */
export function tlsDescriber(
  socket: BunSocket,
  isServer: boolean,
): () => TlsInfo {
  // Asked now: once it is closed, the socket has forgotten.
  const { alpnProtocol } = socket;
  const protocol = socket.getTLSVersion();
  const cipher = socket.getCipher();
  const certificate = socket.getPeerX509Certificate();
  const name = socket.getServername();
  const serverName = isServer ? sentName(name) : name;
  return () =>
    toTlsInfo({
      protocol,
      cipher,
      alpnProtocol,
      serverName,
      peerCertificate: certificate?.raw,
    });
}

/**
 * Returns Bun's `tls` option of a client.
 *
 * @param hostname The name to verify, unless the options have another.
 */
export async function clientTlsOptions(
  { caCerts, serverName, alpnProtocols, cert, key }: TlsConnectOptions,
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
    ...(cert && { cert, key }),
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
