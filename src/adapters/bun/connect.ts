import { rejectOnAbort } from "../../net/abort.ts";
import { type CheckedConnect, isSecure } from "../../net/checked_options.ts";
import { unixAddress, UNNAMED_UNIX_ADDRESS } from "../../net/address.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { tlsError } from "../../net/socket_error.ts";
import {
  Bun,
  type BunError,
  type BunSocket,
  type SocketEvents,
} from "./api.ts";
import { peerGone } from "./handle.ts";
import { isReset, socketOptions, toConnection } from "./socket.ts";
import { clientTlsOptions } from "./tls.ts";

/** Connects by Bun's own socket. */
export async function connectSocket(
  options: CheckedConnect,
): Promise<SocketConnection> {
  const pending = new PendingConnect(options);
  const tls = options.transport === "tcp" ? options.tls : undefined;
  Bun.connect({
    ...socketOptions(options),
    ...(tls && { tls: await clientTlsOptions(tls) }),
    data: pending,
  }).catch(pending.connected.reject);
  return await pending.connected.promise;
}

/** A connection being made: settled by the first event that decides it. */
class PendingConnect implements SocketEvents {
  readonly connected = Promise.withResolvers<SocketConnection>();
  readonly #options: CheckedConnect;

  constructor(options: CheckedConnect) {
    this.#options = options;
  }

  onOpen(socket: BunSocket): void {
    const { signal } = this.#options;
    if (!isSecure(this.#options)) this.#settle(socket);
    else if (signal?.aborted) socket.terminate();
    else if (signal !== undefined) {
      rejectOnAbort(signal, this.connected.promise, () => socket.terminate());
    }
  }

  onHandshake(socket: BunSocket, ok: boolean, error: BunError | null): void {
    if (ok && error === null && socket.authorized) return this.#settle(socket);
    this.connected.reject(tlsError(error));
    socket.terminate();
  }

  onClose(error?: BunError): void {
    this.connected.reject(error ?? tlsError(new Error("the peer left")));
  }

  #settle(socket: BunSocket): void {
    const options = this.#options;
    if (isReset(socket, options)) {
      this.connected.reject(peerGone("ECONNRESET"));
      return socket.terminate();
    }
    const [local, remote] = options.transport === "unix"
      ? [UNNAMED_UNIX_ADDRESS, unixAddress(options.path)]
      : [];
    const connection = toConnection(socket, options, false, local, remote);
    this.connected.resolve(connection);
  }
}
