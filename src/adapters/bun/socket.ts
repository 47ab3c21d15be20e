import {
  type CheckedConnect,
  type CheckedListen,
  isSecure,
} from "../../net/checked_options.ts";
import { tcpAddress } from "../../net/address.ts";
import { SocketConnection } from "../../net/socket_connection.ts";
import type { Address, TlsInfo } from "../../socket.ts";
import type { BunSocket } from "./api.ts";
import { BunHandle } from "./handle.ts";
import { handlers } from "./handlers.ts";
import { startTls } from "./start_tls.ts";

/**
 * Returns the options of every socket, with its address. `TCP_NODELAY` is
 * Bun's default.
 */
export function socketOptions(options: CheckedListen | CheckedConnect): object {
  return {
    ...(options.transport === "unix"
      ? { unix: options.path }
      : { hostname: options.hostname, port: options.port }),
    allowHalfOpen: true,
    socket: handlers,
  };
}

/** Whether the peer has reset the connection: it has no address any more. */
export function isReset(
  socket: BunSocket,
  { transport }: CheckedListen | CheckedConnect,
): boolean {
  return transport === "tcp" && socket.remoteAddress === undefined;
}

/**
 * Makes the connection over a socket.
 *
 * @param isPaused Whether to leave what the peer sends to the kernel for now.
 * @param localAddr Where it is known without asking the kernel.
 * @param describeTls With TLS, makes the connection's `tls`.
 */
export function toConnection(
  socket: BunSocket,
  options: CheckedListen | CheckedConnect,
  isPaused: boolean,
  localAddr?: Address,
  remoteAddr?: Address,
  describeTls?: () => TlsInfo,
): SocketConnection {
  const secure = isSecure(options);
  const handle = new BunHandle(socket, secure, options.transport === "unix");
  const connection = new SocketConnection(
    handle,
    localAddr ?? tcpAddress(socket.localAddress, socket.localPort),
    // Read now: Bun forgets the peer's address when the socket closes.
    remoteAddr ??
      tcpAddress(socket.remoteAddress ?? "", socket.remotePort ?? 0),
    describeTls,
    secure ? undefined : startTls,
  );
  if (options.transport === "tcp" && options.keepAlive) {
    socket.setKeepAlive(true, options.keepAliveDelay);
  }
  if (isPaused) handle.pause();
  return connection;
}
