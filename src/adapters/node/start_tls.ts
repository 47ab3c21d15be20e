import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { AcceptQueue } from "../../net/accept_queue.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import type { TlsRequest } from "../../net/tls_request.ts";
import type { TlsListenOptions } from "../../socket.ts";
import type { Flow } from "./duplex.ts";
import { clientHandshake, serverHandshakes } from "./tls.ts";

/**
 * Encrypts a stream in use.
 *
 * @param flow What to pause, if it is not the TLS socket.
 * @param hasRoots Whether the public roots can be added to `caCerts`.
 */
export async function startTls(
  stream: Duplex,
  request: TlsRequest,
  flow?: Flow,
  hasRoots = true,
): Promise<SocketConnection> {
  const { server, client, signal } = request;
  try {
    if (server !== undefined) {
      return await accept(stream, request, server, flow);
    }
    const where = { hostname: client?.serverName ?? "", signal };
    const handshake = await clientHandshake(where, { ...client }, hasRoots);
    return await handshake(stream, request, flow);
  } catch (error) {
    // A certificate of no use, which only the handshake closes it for. After
    // the reset, if it is that of a client which is refused.
    setImmediate(() => stream.destroy());
    throw error;
  }
}

/** A listener's handshake, of one client. */
async function accept(
  stream: Duplex,
  request: TlsRequest,
  options: TlsListenOptions,
  flow?: Flow,
): Promise<SocketConnection> {
  const queue = new AcceptQueue(1);
  queue.reject = (_, toError) => {
    const error = toError(request.call);
    queue.close(() => error);
  };
  const handshakes = await serverHandshakes(options, queue);
  handshakes.start(stream, request, flow);
  try {
    return await queue.take(request.signal);
  } finally {
    handshakes.clear();
  }
}
