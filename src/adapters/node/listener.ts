import { once } from "node:events";
import {
  type AddressInfo,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import type { AcceptQueue, ListenerHandle } from "../../net/adapter.ts";
import type { CheckedListen } from "../../net/checked_options.ts";
import {
  isWildcard,
  tcpAddress,
  unixAddress,
  UNNAMED_UNIX_ADDRESS,
} from "../../net/address.ts";
import { refuseProbes } from "../../net/keep_alive.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import { listenOnSocketFile } from "../../net/socket_file.ts";
import { isSocketInUse } from "../../net/socket_in_use.ts";
import type { Address } from "../../socket.ts";
import { connect } from "./connect.ts";
import { toConnection } from "./connection.ts";
import {
  canSetProbes,
  endpointsOf,
  setKeepAlive,
  SOCKET_OPTIONS,
} from "./socket.ts";
import { type ServerHandshakes, serverHandshakes } from "./tls.ts";

/** Listens by `net.createServer`. */
export async function listen(
  options: CheckedListen,
  queue: AcceptQueue,
): Promise<ListenerHandle> {
  if (options.transport === "tcp") {
    if (!canSetProbes()) refuseProbes("listen", options);
    return await open(options, queue);
  }
  return await listenOnSocketFile(options, {
    listen: (path) => open({ ...options, path }, queue, options.path),
    isOpen: (path) =>
      isSocketInUse(path, async () => {
        await (await connect({ transport: "unix", path })).close();
      }),
  });
}

async function open(
  options: CheckedListen,
  queue: AcceptQueue,
  path?: string,
): Promise<ListenerHandle> {
  const tls = options.transport === "tcp" ? options.tls : undefined;
  const handshakes = tls && await serverHandshakes(tls, queue);
  const server = createServer({
    ...SOCKET_OPTIONS,
    pauseOnConnect: true,
  });
  const { backlog } = options;
  // Node looks for a `path` and a `port`, also in a polluted prototype.
  const where = options.transport === "unix"
    ? { __proto__: null, path: options.path, backlog }
    : {
      __proto__: null,
      host: options.hostname,
      port: options.port,
      backlog,
      reusePort: options.reusePort,
    };
  server.listen(where);
  try {
    await once(server, "listening");
  } catch (error) {
    throw path === undefined ? error : await correctFolderError(error, path);
  }
  return new NodeListenerHandle(server, options, queue, handshakes, path);
}

/** Corrects EACCES, which Node also reports for a missing folder. */
async function correctFolderError(
  error: unknown,
  path: string,
): Promise<unknown> {
  const { code } = error as NativeError;
  if (code !== "EACCES") return error;
  const { existsSync } = await import("node:fs");
  const { dirname } = await import("node:path");
  return existsSync(dirname(path))
    ? error
    : withErrorCode(error as NativeError, "ENOENT");
}

/** Node accepts by itself, so connections wait in the queue, unread. */
class NodeListenerHandle implements ListenerHandle {
  readonly addr: Address;
  readonly #server: Server;
  readonly #options: CheckedListen;
  readonly #queue: AcceptQueue;
  readonly #handshakes: ServerHandshakes | undefined;

  /** @param path The path of a Unix socket as the caller gave it. */
  constructor(
    server: Server,
    options: CheckedListen,
    queue: AcceptQueue,
    handshakes: ServerHandshakes | undefined,
    path: string | undefined,
  ) {
    this.#server = server;
    this.#options = options;
    this.#queue = queue;
    this.#handshakes = handshakes;
    if (path === undefined) {
      const { address, port } = server.address() as AddressInfo;
      this.addr = tcpAddress(address, port);
    } else this.addr = unixAddress(path);
    server.on("connection", (socket) => this.#onConnection(socket));
    // One connection could not be accepted, for want of a descriptor.
    server.on("error", () => {});
  }

  close(): void {
    this.#server.close();
    this.#handshakes?.clear();
  }

  #onConnection(socket: Socket): void {
    const { addr } = this;
    const isUnix = addr.transport === "unix";
    // It has been reset already.
    if (!isUnix && socket.remoteAddress === undefined) {
      return void socket.destroy();
    }
    const options = this.#options;
    if (options.transport === "tcp") setKeepAlive(socket, options);
    const endpoints = isUnix
      ? { local: addr, remote: UNNAMED_UNIX_ADDRESS }
      // On a wildcard each connection has a local address of its own.
      : endpointsOf(socket, isWildcard(addr.hostname) ? undefined : addr);
    // Beyond the backlog a kernel refuses; a reset is the nearest to that.
    if (this.#handshakes === undefined || this.#queue.isFull) {
      return this.#queue.add(toConnection(socket, endpoints));
    }
    this.#handshakes.start(socket, endpoints);
  }
}
