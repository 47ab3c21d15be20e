import { rejectOnAbort } from "../../net/abort.ts";
import {
  type CheckedConnect,
  type CheckedTcpConnect,
  hasLocal,
  isSecure,
} from "../../net/checked_options.ts";
import { unixAddress, UNNAMED_UNIX_ADDRESS } from "../../net/address.ts";
import { connectToFirst } from "../../net/happy_eyeballs.ts";
import { refuseProbes } from "../../net/keep_alive.ts";
import { resolve } from "../../net/resolve.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { peerLeft, tlsFailure } from "../../net/tls_failure.ts";
import { isAddress } from "../../net/hostname.ts";
import { openAbortable } from "./abortable.ts";
import {
  Bun,
  type BunError,
  type BunSocket,
  type SocketEvents,
} from "./api.ts";
import { correctTcpError, correctUnixError } from "./errno.ts";
import { peerGone } from "./handle.ts";
import { handlers } from "./handlers.ts";
import { isReset, socketOptions, toConnection } from "./socket.ts";
import { clientTlsOptions, tlsDescriber } from "./tls.ts";

/** Connects by Bun's own socket. */
export async function connectSocket(
  options: CheckedConnect,
): Promise<SocketConnection> {
  if (options.transport === "tcp") return await connectTcp(options);
  try {
    return await connectNatively(options);
  } catch (error) {
    throw await correctUnixError(error, options.path);
  }
}

/**
 * Resolves names by itself: Bun would connect to all addresses at once, and
 * reset the connections it does not need
 * (https://github.com/oven-sh/bun/pull/41501).
 */
async function connectTcp(
  options: CheckedTcpConnect,
): Promise<SocketConnection> {
  refuseProbes("connect", options);
  const { hostname, port, signal } = options;
  const addresses = isAddress(hostname) ? [hostname] : await resolve(hostname);
  if (hasLocal(options)) {
    // `Bun.connect` leaves these to the system.
    const { connect } = await import("../node/connect.ts");
    return await connect(options, addresses);
  }
  const tls = options.tls && await clientTlsOptions(options.tls, hostname);
  const [address] = addresses;
  if (addresses.length === 1 && signal === undefined) {
    const connecting = connectNatively({ ...options, hostname: address }, tls);
    return await corrected(connecting, address, port);
  }
  const open = (address: string, signal: AbortSignal) =>
    corrected(openAbortable(address, port, signal), address, port);
  const close = (socket: BunSocket) => socket.terminate();
  const socket = addresses.length === 1 && signal !== undefined
    ? await open(address, signal)
    : await connectToFirst(addresses, { open, close }, signal);
  const pending = new PendingConnect(options);
  if (tls) startTls(socket, tls, pending);
  else pending.onOpen(socket);
  return await pending.connected.promise;
}

async function corrected<T>(
  connecting: Promise<T>,
  address: string,
  port: number,
): Promise<T> {
  const start = performance.now();
  try {
    return await connecting;
  } catch (error) {
    const elapsed = performance.now() - start;
    throw await correctTcpError(error, address, port, elapsed);
  }
}

async function connectNatively(
  options: CheckedConnect,
  tls?: object,
): Promise<SocketConnection> {
  const pending = new PendingConnect(options);
  Bun.connect({
    ...socketOptions(options),
    ...(tls && { tls }),
    data: pending,
  }).catch(pending.connected.reject);
  return await pending.connected.promise;
}

/** The socket underneath also reports the cipher text, to no handler. */
function startTls(
  socket: BunSocket,
  tls: object,
  pending: PendingConnect,
): void {
  try {
    const [, secured] = socket.upgradeTLS({
      socket: handlers,
      tls,
      data: pending,
    });
    pending.onOpen(secured);
  } catch (error) {
    // A certificate of no use.
    socket.terminate();
    throw error;
  }
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
    this.connected.reject(tlsFailure(error));
    socket.terminate();
  }

  onClose(error?: BunError): void {
    const left = peerLeft();
    this.connected.reject(error ?? tlsFailure(left));
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
    const describeTls = isSecure(options)
      ? tlsDescriber(socket, false)
      : undefined;
    this.connected.resolve(
      toConnection(socket, options, false, local, remote, describeTls),
    );
  }
}
