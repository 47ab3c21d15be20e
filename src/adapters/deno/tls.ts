import { AcceptQueue } from "../../net/accept_queue.ts";
import { UNNAMED_UNIX_ADDRESS } from "../../net/address.ts";
import type { CheckedTcpConnect } from "../../net/checked_options.ts";
import type { Handle } from "../../net/handle.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import type {
  Address,
  TlsConnectOptions,
  TlsListenOptions,
} from "../../socket.ts";
import type { TlsRequest } from "../../net/tls_request.ts";
import { toDuplex } from "../node/duplex.ts";
import { startTls as startTlsOver } from "../node/start_tls.ts";
import {
  clientHandshake as prepareClient,
  serverHandshakes as prepareServer,
} from "../node/tls.ts";
import { type DenoSocket, isGranted } from "./api.ts";
import { DenoHandle } from "./handle.ts";
import { copyAddress } from "./socket.ts";

// TLS is that of `node:tls` over Deno's own TCP sockets, by the code of the
// Node adapter. `Deno.listenTls` cannot set TCP_NODELAY (44 ms for a reply made
// of two sends), ask for client certificates, choose one by name, keep
// connections alive, or let go of a silent client's descriptor, and it loses
// what a client sent just before its end; `Deno.startTls` cannot be aborted.

/** The handshakes of a listener's clients. */
export interface Handshakes {
  /** Starts a handshake; the connection is queued after it. */
  start(socket: DenoSocket, local: Address, remote: Address): void;
  /** Closes those that are under way. */
  clear(): void;
}

/** Prepares a listener's handshakes; throws on a bad certificate. */
export async function serverHandshakes(
  tls: TlsListenOptions,
  queue: AcceptQueue,
): Promise<Handshakes> {
  const { Duplex } = await import("node:stream");
  const handshakes = await prepareServer(tls, queue);
  await (warm ??= warmUp(tls));
  return {
    start(socket, local, remote) {
      const { duplex, flow } = toDuplex(Duplex, new DenoHandle(socket), remote);
      handshakes.start(duplex, { local, remote }, flow);
    },
    clear: () => handshakes.clear(),
  };
}

/** The first listener's connection to itself. */
let warm: Promise<void> | undefined;

/**
 * Makes a connection in memory, and ends it. Deno loads parts of `node:tls` for
 * the first one, and ends a process that has no descriptor left for that.
 */
async function warmUp(tls: TlsListenOptions): Promise<void> {
  const { duplexPair } = await import("node:stream");
  const { connect } = await import("node:tls");
  const queue = new AcceptQueue(1);
  const [near, far] = duplexPair();
  const nowhere = UNNAMED_UNIX_ADDRESS;
  const handshakes = await prepareServer(tls, queue);
  handshakes.start(near, { local: nowhere, remote: nowhere });
  const client = connect({ socket: far, rejectUnauthorized: false });
  // Whatever it is, a client of the listener meets it, too.
  client.on("error", () => {});
  client.on("secureConnect", () => client.end("over"));
  const signal = AbortSignal.timeout(1000);
  try {
    const conn = await queue.take(signal);
    while (await conn.recv(4, { signal }) !== null);
    await conn.closeWrite();
    await conn.close();
  } catch {
    // Without it a listener works as well, while there are descriptors.
  }
  client.destroy();
}

/** Encrypts a connection in use. */
export async function startTls(
  handle: Handle,
  request: TlsRequest,
): Promise<SocketConnection> {
  const { Duplex } = await import("node:stream");
  const { remote, received } = request;
  const { duplex, flow } = toDuplex(Duplex, handle, remote, received);
  return await startTlsOver(duplex, request, flow, hasRoots());
}

/** Without this permission the public roots cannot be listed. */
function hasRoots(): boolean {
  return isGranted({ name: "sys", kind: "ca" });
}

/** Prepares a client's handshake; throws on a bad certificate. */
export async function clientHandshake(
  options: CheckedTcpConnect,
  tls: TlsConnectOptions,
): Promise<(socket: DenoSocket) => Promise<SocketConnection>> {
  const { Duplex } = await import("node:stream");
  const handshake = await prepareClient(options, tls, hasRoots());
  return (socket) => {
    const local = copyAddress(socket.localAddr);
    const remote = copyAddress(socket.remoteAddr);
    const { duplex, flow } = toDuplex(Duplex, new DenoHandle(socket), remote);
    return handshake(duplex, { local, remote }, flow);
  };
}
