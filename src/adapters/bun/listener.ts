import type { AcceptQueue, ListenerHandle } from "../../net/adapter.ts";
import { type CheckedListen, isSecure } from "../../net/checked_options.ts";
import {
  isWildcard,
  tcpAddress,
  unixAddress,
  UNNAMED_UNIX_ADDRESS,
} from "../../net/address.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import type { Address } from "../../socket.ts";
import {
  Bun,
  type BunServer,
  type BunSocket,
  type SocketEvents,
} from "./api.ts";
import { isReset, socketOptions, toConnection } from "./socket.ts";
import { serverTlsOptions } from "./tls.ts";

/** Bun accepts by itself, so connections wait in the queue, unread. */
export class BunListener implements ListenerHandle, SocketEvents {
  readonly addr: Address;
  readonly #server: BunServer;
  readonly #options: CheckedListen;
  readonly #queue: AcceptQueue;
  readonly #handshakes = new PendingHandshakes<BunSocket>((socket) =>
    socket.terminate()
  );
  /** The first descriptor that is one too many. */
  readonly #limit: number;

  /** @param path The path of a Unix socket as the caller gave it. */
  constructor(
    options: CheckedListen,
    queue: AcceptQueue,
    limit: number,
    path?: string,
  ) {
    this.#options = options;
    this.#queue = queue;
    this.#limit = limit;
    this.#server = Bun.listen({
      ...socketOptions(options),
      ...(options.transport === "tcp" && {
        reusePort: options.reusePort,
        tls: options.tls && serverTlsOptions(options.tls),
      }),
      data: this,
    });
    this.addr = path === undefined ? this.#boundAddr() : unixAddress(path);
  }

  close(): void {
    this.#server.stop();
    this.#handshakes.clear();
  }

  onOpen(socket: BunSocket): void {
    const isTooMany = socket.fd >= this.#limit;
    if (this.#queue.isClosed || isTooMany) socket.terminate();
    else if (isSecure(this.#options)) this.#awaitHandshake(socket);
    else this.#enqueue(socket);
  }

  onClose(): void {}

  #awaitHandshake(socket: BunSocket): void {
    this.#handshakes.add(socket);
    socket.data = {
      onHandshake: (_, ok) => {
        this.#handshakes.remove(socket);
        // Bun closes the socket of a failed handshake.
        if (ok) this.#enqueue(socket);
      },
      onClose: () => this.#handshakes.remove(socket),
    };
  }

  #enqueue(socket: BunSocket): void {
    const options = this.#options;
    const queue = this.#queue;
    // Beyond the backlog a kernel refuses; a reset is the nearest to that.
    if (queue.isFull || isReset(socket, options)) return socket.terminate();
    const { addr } = this;
    const isPaused = !queue.isWanted;
    const connection = addr.transport === "unix"
      ? toConnection(socket, options, isPaused, addr, UNNAMED_UNIX_ADDRESS)
      // On a wildcard each connection has a local address of its own.
      : isWildcard(addr.hostname)
      ? toConnection(socket, options, isPaused)
      : toConnection(socket, options, isPaused, addr);
    if (!queue.put(connection)) connection.close();
  }

  #boundAddr(): Address {
    if (this.#options.transport === "unix") {
      return unixAddress(this.#options.path);
    }
    // `server.hostname` repeats what was asked for.
    const bound: { address?: string } = {};
    this.#server.getsockname(bound);
    const hostname = bound.address ?? this.#options.hostname;
    return tcpAddress(hostname, this.#server.port);
  }
}
