import { rejectOnAbort } from "../../net/abort.ts";
import type { Handle } from "../../net/handle.ts";
import { SocketConnection } from "../../net/socket_connection.ts";
import type { TlsRequest } from "../../net/tls_request.ts";
import {
  peerLeft,
  type TlsFailure,
  tlsFailure,
} from "../../net/tls_failure.ts";
import type { BunError, BunSocket, SocketEvents } from "./api.ts";
import { BunHandle } from "./handle.ts";
import { handlers } from "./handlers.ts";
import {
  clientTlsOptions,
  flawOfClient,
  serverTlsOptions,
  tlsDescriber,
} from "./tls.ts";

/** Milliseconds for a client's handshake with our server. */
const DEADLINE = 10_000;

/** Encrypts a connection in use. */
export async function startTls(
  handle: Handle,
  request: TlsRequest,
): Promise<SocketConnection> {
  const { received, server, client } = request;
  // Bun's own TLS cannot be given what was received, nor choose a certificate.
  if (received !== null || server?.sni !== undefined) {
    return await startTlsOverStream(handle, request);
  }
  const socket = (handle as BunHandle).release();
  try {
    const tls = server !== undefined
      ? { ...serverTlsOptions(server), isServer: true }
      : await clientTlsOptions({ ...client }, client?.serverName ?? "");
    // It may have aborted meanwhile.
    request.signal?.throwIfAborted();
    return await handshake(socket, tls, request);
  } catch (error) {
    socket.terminate();
    throw error;
  }
}

/** By `node:tls`, which here ends both sides when either of them ends. */
async function startTlsOverStream(
  handle: Handle,
  request: TlsRequest,
): Promise<SocketConnection> {
  const { Duplex } = await import("node:stream");
  const { toDuplex } = await import("../node/duplex.ts");
  const { startTls } = await import("../node/start_tls.ts");
  const { remote, received } = request;
  const { duplex, flow } = toDuplex(Duplex, handle, remote, received);
  return await startTls(duplex, request, flow);
}

async function handshake(
  socket: BunSocket,
  tls: object,
  request: TlsRequest,
): Promise<SocketConnection> {
  const { server, signal } = request;
  const { promise, resolve, reject } = Promise.withResolvers<
    SocketConnection
  >();
  const events: SocketEvents = {
    onHandshake(secured, ok, error) {
      const flaw = flawOf(secured, ok, error, server);
      if (flaw !== undefined) return reject(flaw);
      // Made now, for the first data may be next.
      const describe = tlsDescriber(secured, server !== undefined);
      const handle = new BunHandle(secured, true, false);
      const { local, remote } = request;
      resolve(new SocketConnection(handle, local, remote, describe));
    },
    onClose: (error?: BunError) => reject(error ?? tlsFailure(peerLeft())),
  };
  const options = { socket: handlers, tls, data: events, isServer: !!server };
  const [, secured] = socket.upgradeTLS(options);
  secured.resume();
  if (signal !== undefined) {
    rejectOnAbort(signal, promise, () => reject(signal.reason));
  }
  const late = Object.assign(new Error("No handshake in time"), {
    code: "ETIMEDOUT",
    syscall: "startTls",
  });
  const timer = server && setTimeout(() => reject(late), DEADLINE);
  try {
    return await promise;
  } catch (error) {
    secured.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function flawOf(
  socket: BunSocket,
  ok: boolean,
  error: BunError | null,
  server: TlsRequest["server"],
): TlsFailure | undefined {
  if (!ok) return tlsFailure(error);
  if (server !== undefined) {
    return flawOfClient(socket, server.clientAuth, error);
  }
  const isVerified = error === null && socket.authorized;
  return isVerified ? undefined : tlsFailure(error);
}
