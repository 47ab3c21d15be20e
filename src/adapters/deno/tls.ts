import { rejectOnAbort } from "../../net/abort.ts";
import type { CheckedTcpConnect } from "../../net/checked_options.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import type { TlsConnectOptions } from "../../socket.ts";
import { Deno, type DenoSocket, type DenoTlsSocket } from "./api.ts";
import {
  closeOnce,
  copyAddress,
  setTcpOptions,
  toConnection,
} from "./socket.ts";

/** Starts TLS as a client; resolves after the handshake, the peer verified. */
export async function startTls(
  socket: DenoSocket,
  options: CheckedTcpConnect,
  { caCerts, serverName, alpnProtocols }: TlsConnectOptions,
): Promise<SocketConnection> {
  const { hostname, signal } = options;
  // Before TLS: afterwards Deno has no way to.
  setTcpOptions(socket, options);
  const local = copyAddress(socket.localAddr);
  const remote = copyAddress(socket.remoteAddr);
  let secured: DenoTlsSocket;
  try {
    secured = await Deno.startTls(socket, {
      hostname: serverName ?? hostname,
      caCerts,
      alpnProtocols,
    });
  } catch (error) {
    closeOnce(socket);
    throw error;
  }
  try {
    const handshake = secured.handshake();
    if (signal?.aborted) closeOnce(secured);
    else if (signal) rejectOnAbort(signal, handshake, () => closeOnce(secured));
    const { alpnProtocol } = await handshake;
    return toConnection(secured, local, remote, alpnProtocol);
  } catch (error) {
    closeOnce(secured);
    throw error;
  }
}
