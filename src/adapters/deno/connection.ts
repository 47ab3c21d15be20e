import { SocketConnection } from "../../net/socket_connection.ts";
import type { Address } from "../../socket.ts";
import type { DenoSocket } from "./api.ts";
import { DenoHandle } from "./handle.ts";
import { startTls } from "./tls.ts";

/** Makes the connection over a socket. */
export function toConnection(
  socket: DenoSocket,
  localAddr: Address,
  remoteAddr: Address,
): SocketConnection {
  const handle = new DenoHandle(socket);
  return new SocketConnection(
    handle,
    localAddr,
    remoteAddr,
    undefined,
    startTls,
  );
}
