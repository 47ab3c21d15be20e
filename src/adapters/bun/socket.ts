import {
  type CheckedConnect,
  type CheckedListen,
  isSecure,
} from "../../net/checked_options.ts";
import { tcpAddress } from "../../net/address.ts";
import { SocketConnection } from "../../net/socket_connection.ts";
import type { Address, TlsInfo } from "../../socket.ts";
import type { BunError, BunSocket } from "./api.ts";
import { BunHandle } from "./handle.ts";

/** Event handlers shared by all sockets; `socket.data` handles this one's. */
export const handlers = {
  binaryType: "uint8array",
  open: (socket: BunSocket) => socket.data.onOpen?.(socket),
  // With this handler `open` comes before the handshake, so that it can be
  // given a deadline.
  handshake: (socket: BunSocket, ok: boolean, error: BunError | null) =>
    socket.data.onHandshake?.(socket, ok, error),
  data: (socket: BunSocket, chunk: Uint8Array<ArrayBuffer>) =>
    socket.data.onData?.(chunk),
  end: (socket: BunSocket) => socket.data.onEnd?.(),
  drain: (socket: BunSocket) => socket.data.onDrain?.(),
  close: (socket: BunSocket, error?: BunError) => socket.data.onClose(error),
  error: (socket: BunSocket, error: BunError) => socket.data.onError?.(error),
};

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
    remoteAddr ?? tcpAddress(socket.remoteAddress ?? "", socket.remotePort),
    describeTls,
  );
  if (options.transport === "tcp" && options.keepAlive) {
    socket.setKeepAlive(true, options.keepAliveDelay);
  }
  if (isPaused) handle.pause();
  return connection;
}
