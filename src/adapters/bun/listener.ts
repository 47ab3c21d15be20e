import type { AcceptQueue, ListenerHandle } from "../../net/adapter.ts";
import type { CheckedListen } from "../../net/checked_options.ts";
import {
  isWildcard,
  tcpAddress,
  unixAddress,
  UNNAMED_UNIX_ADDRESS,
} from "../../net/address.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import { lateHandshake, reportRejected } from "../../net/rejected.ts";
import type { Address, TlsInfo, TlsListenOptions } from "../../socket.ts";
import {
  Bun,
  type BunServer,
  type BunSocket,
  type SocketEvents,
} from "./api.ts";
import { isReset, socketOptions, toConnection } from "./socket.ts";
import { clientFlaw, serverTlsOptions, tlsDescriber } from "./tls.ts";

/** Bun accepts by itself, so connections wait in the queue, unread. */
export class BunListener implements ListenerHandle, SocketEvents {
  readonly addr: Address;
  readonly #server: BunServer;
  readonly #options: CheckedListen;
  readonly #queue: AcceptQueue;
  readonly #handshakes = new PendingHandshakes<BunSocket>((socket) => {
    socket.data.onClose(lateHandshake());
    socket.terminate();
  });
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
    const tls = this.#options.transport === "tcp"
      ? this.#options.tls
      : undefined;
    if (this.#queue.isClosed || isTooMany) socket.terminate();
    else if (tls !== undefined) this.#awaitHandshake(socket, tls);
    else this.#enqueue(socket);
  }

  onClose(): void {}

  #awaitHandshake(socket: BunSocket, tls: TlsListenOptions): void {
    const { remoteAddress = "", remotePort } = socket;
    let isPending = true;
    const giveUp = (
      error: unknown = new Error("The peer closed the connection"),
    ) => {
      this.#handshakes.remove(socket);
      if (!isPending) return;
      isPending = false;
      const remote = tcpAddress(remoteAddress, remotePort);
      reportRejected(this.#queue, remote, error);
    };
    socket.data = {
      onHandshake: (_, ok, error) => {
        if (!isPending) return;
        // Bun closes the socket of a failed handshake.
        if (!ok) return giveUp(error ?? undefined);
        const flaw = clientFlaw(socket, tls.clientAuth, error);
        if (flaw !== undefined) {
          giveUp(flaw);
          return socket.close();
        }
        isPending = false;
        this.#handshakes.remove(socket);
        this.#enqueue(socket, tlsDescriber(socket, true));
      },
      onClose: giveUp,
    };
    this.#handshakes.add(socket);
  }

  #enqueue(socket: BunSocket, describeTls?: () => TlsInfo): void {
    const options = this.#options;
    const queue = this.#queue;
    // Beyond the backlog a kernel refuses; a reset is the nearest to that.
    if (queue.isFull || isReset(socket, options)) return socket.terminate();
    const { addr } = this;
    const isPaused = !queue.isWanted;
    const isUnix = addr.transport === "unix";
    // On a wildcard each connection has a local address of its own.
    const local = isUnix || !isWildcard(addr.hostname) ? addr : undefined;
    const remote = isUnix ? UNNAMED_UNIX_ADDRESS : undefined;
    const connection = toConnection(
      socket,
      options,
      isPaused,
      local,
      remote,
      describeTls,
    );
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
