import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { rejectOnAbort } from "../../net/abort.ts";
import { tcpAddress } from "../../net/address.ts";
import type { KeepAlive } from "../../net/checked_options.ts";
import { SocketConnection } from "../../net/socket_connection.ts";
import { type NativeTlsInfo, toTlsInfo } from "../../net/tls_info.ts";
import type { Address } from "../../socket.ts";
import type { Flow } from "./duplex.ts";
import { NodeHandle } from "./handle.ts";

/**
 * Options of every socket. Paused, it reads nothing ahead of a receive, by the
 * mark that Node's types leave out.
 */
export const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  highWaterMark: 1,
} as const;

/** Sets what `keepAlive` asks for; Deno ignores the options of a server. */
export function setKeepAlive(socket: Socket, options: KeepAlive): void {
  const { keepAlive, keepAliveDelay, keepAliveProbes = {} } = options;
  if (!keepAlive) return;
  const { interval, count } = keepAliveProbes;
  // The types of Node's older versions lack the last two.
  const set: (
    this: Socket,
    enable: boolean,
    delay: number,
    interval?: number,
    count?: number,
  ) => unknown = socket.setKeepAlive;
  set.call(socket, true, keepAliveDelay, interval, count);
}

/** Whether `setKeepAlive` takes the times of further probes. */
export function canSetProbes(): boolean {
  return Socket.prototype.setKeepAlive.length >= 4;
}

/** The addresses of a connection. */
export interface Endpoints {
  local: Address;
  remote: Address;
}

/**
 * Reads a TCP socket's addresses, while it is open: then Node forgets them.
 *
 * @param local Where it is known without asking the kernel.
 */
export function endpointsOf(socket: Socket, local?: Address): Endpoints {
  const { localAddress = "", localPort = 0 } = local ? {} : socket;
  return {
    local: local ?? tcpAddress(localAddress, localPort),
    remote: tcpAddress(socket.remoteAddress ?? "", socket.remotePort ?? 0),
  };
}

/**
 * Makes the connection over a TLS socket after its handshake.
 *
 * @param below The stream that carries the TLS records.
 * @param names Of the server, and the peer's certificate.
 * @param flow What to pause, if it is not the socket.
 */
export function toSecureConnection(
  socket: TLSSocket,
  below: Duplex,
  { local, remote }: Endpoints,
  names: Pick<NativeTlsInfo, "serverName" | "peerCertificate">,
  flow?: Flow,
): SocketConnection {
  const tcp = "resetAndDestroy" in below ? below as Socket : undefined;
  const handle = new NodeHandle(socket, true, tcp, flow);
  // Asked now: once it is closed, the socket has forgotten.
  const { alpnProtocol } = socket;
  const protocol = socket.getProtocol();
  const cipher = socket.getCipher();
  const describeTls = () =>
    toTlsInfo({ protocol, cipher, alpnProtocol, ...names });
  return new SocketConnection(handle, local, remote, describeTls);
}

/** Waits for an event, and makes its result before any other event. */
export async function settled<T>(
  socket: Socket,
  event: "connect" | "secureConnect",
  signal: AbortSignal | undefined,
  result: () => T | Promise<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = () => reject(signal?.reason);
  if (signal?.aborted) abort();
  else if (signal !== undefined) rejectOnAbort(signal, promise, abort);
  socket.once("error", reject);
  socket.once(event, () => resolve(result()));
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
