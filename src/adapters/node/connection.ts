import type { Socket } from "node:net";
import {
  SocketConnection,
  type StartTls,
} from "../../net/socket_connection.ts";
import { NodeHandle } from "./handle.ts";
import type { Endpoints } from "./socket.ts";
import { startTls } from "./start_tls.ts";

/** Makes the connection over a socket. */
export function toConnection(
  socket: Socket,
  { local, remote }: Endpoints,
): SocketConnection {
  const tcp = remote.transport === "unix" ? undefined : socket;
  const handle = new NodeHandle(socket, false, tcp);
  return new SocketConnection(handle, local, remote, undefined, upgrade);
}

/** One function for all connections, which know their handle. */
const upgrade: StartTls = (handle, request) =>
  startTls((handle as NodeHandle).release(request.received), request);
