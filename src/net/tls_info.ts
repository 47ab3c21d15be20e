import type { TlsInfo } from "../socket.ts";
import { isAddress } from "./hostname.ts";

/** What the runtimes report of a TLS socket; they say "none" in several ways. */
export interface NativeTlsInfo {
  protocol: string | null;
  cipher: { standardName: string };
  alpnProtocol: string | false | null;
  serverName: string | undefined;
  peerCertificate: Uint8Array | undefined;
}

/**
 * Returns the name that a client asks for. Bun's sends IP addresses, too, which
 * the standard rules out (RFC 6066) and Deno does not report.
 */
export function sentName(
  serverName: string | false | null | undefined,
): string | undefined {
  return serverName && !isAddress(serverName) ? serverName : undefined;
}

/** Makes a connection's `tls`. */
export function toTlsInfo(native: NativeTlsInfo): TlsInfo {
  const { alpnProtocol, serverName, peerCertificate } = native;
  return {
    protocol: native.protocol === "TLSv1.2" ? "TLSv1.2" : "TLSv1.3",
    cipher: native.cipher.standardName,
    ...(alpnProtocol && { alpnProtocol }),
    ...(serverName && { serverName }),
    // A plain array of its own, not a Buffer.
    ...(peerCertificate &&
      { peerCertificate: new Uint8Array(peerCertificate) }),
  };
}
