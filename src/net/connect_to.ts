import type { TlsConnectOptions } from "../socket.ts";
import type { Adapter } from "./adapter.ts";
import type { CheckedConnect } from "./checked_options.ts";
import { encodeProxyHeader } from "./proxy_protocol/encode.ts";
import { setHostname, type SocketConnection } from "./socket_connection.ts";

/** Connects by a runtime, and sends what goes before all else. */
export async function connectTo(
  runtime: Adapter,
  options: CheckedConnect,
  header: Uint8Array | undefined,
): Promise<SocketConnection> {
  if (options.transport === "unix") return await runtime.connect(options);
  const { hostname, signal } = options;
  const tls: TlsConnectOptions | undefined = options.tls;
  // The header goes before TLS.
  const isLater = header !== undefined && tls !== undefined;
  const first = isLater ? { ...options, tls: undefined } : options;
  const connection = await runtime.connect(first);
  setHostname(connection, hostname);
  if (header === undefined) return connection;
  try {
    await connection.send(header);
    return isLater ? await connection.startTls({ ...tls, signal }) : connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Returns the PROXY header to send, if there is one. */
export function proxyHeaderOf(options: CheckedConnect): Uint8Array | undefined {
  return options.transport === "unix" || options.proxyHeader === undefined
    ? undefined
    : encodeProxyHeader(options.proxyHeader);
}
