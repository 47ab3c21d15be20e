import { connect as connectSocket, type Socket } from "node:net";
import type {
  CheckedConnect,
  CheckedTcpConnect,
} from "../../net/checked_options.ts";
import { unixAddress, UNNAMED_UNIX_ADDRESS } from "../../net/address.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import type { TlsConnectOptions } from "../../socket.ts";
import {
  endpointsOf,
  settled,
  SOCKET_OPTIONS,
  toConnection,
} from "./socket.ts";
import { clientHandshake } from "./tls.ts";

/** Connects by `net.connect`, with TLS by `tls.connect` over it. */
export async function connect(
  options: CheckedConnect,
): Promise<SocketConnection> {
  if (options.transport === "tcp" && options.tls !== undefined) {
    return await connectTls(options, options.tls);
  }
  return await open(options, (socket) =>
    toConnection(
      socket,
      options.transport === "tcp" ? endpointsOf(socket) : {
        local: UNNAMED_UNIX_ADDRESS,
        remote: unixAddress(options.path),
      },
    ));
}

async function connectTls(
  options: CheckedTcpConnect,
  tls: TlsConnectOptions,
): Promise<SocketConnection> {
  const handshake = await clientHandshake(options, tls);
  return await open(
    options,
    (socket) => handshake(socket, endpointsOf(socket)),
  );
}

/** Opens a socket, and makes something of it at once. */
function open<T>(
  options: CheckedConnect,
  result: (socket: Socket) => T | Promise<T>,
): Promise<T> {
  const socket = connectSocket({
    ...SOCKET_OPTIONS,
    ...(options.transport === "unix" ? { path: options.path } : {
      host: options.hostname,
      port: options.port,
      keepAlive: options.keepAlive,
    }),
  }).pause();
  return settled(socket, "connect", options.signal, () => result(socket));
}
