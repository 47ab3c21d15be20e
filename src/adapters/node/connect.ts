import { connect as connectSocket, type Socket } from "node:net";
import { rejectOnAbort } from "../../net/abort.ts";
import type {
  CheckedConnect,
  CheckedTcpConnect,
} from "../../net/checked_options.ts";
import { unixAddress, UNNAMED_UNIX_ADDRESS } from "../../net/address.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { tlsError } from "../../net/socket_error.ts";
import type { TlsConnectOptions } from "../../socket.ts";
import {
  endpointsOf,
  SOCKET_OPTIONS,
  toConnection,
  toSecureConnection,
} from "./socket.ts";

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
  const { clientContext, startClientTls } = await import("./tls.ts");
  const context = clientContext(tls);
  const { hostname, signal } = options;
  const [secured, endpoints] = await open(options, (socket) =>
    [
      startClientTls(socket, hostname, context, tls),
      endpointsOf(socket),
    ] as const);
  try {
    return await settled(
      secured,
      "secureConnect",
      signal,
      () => toSecureConnection(secured, endpoints),
    );
  } catch (error) {
    // An error of a system call, as a reset, or an abort is no fault of TLS.
    const isTls = error instanceof Error && !("syscall" in error);
    throw isTls && !signal?.aborted ? tlsError(error) : error;
  }
}

/** Opens a socket, and makes something of it at once. */
function open<T>(
  options: CheckedConnect,
  result: (socket: Socket) => T,
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

/** Waits for an event, and makes its result before any other event. */
async function settled<T>(
  socket: Socket,
  event: "connect" | "secureConnect",
  signal: AbortSignal | undefined,
  result: () => T,
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
