import type { AcceptQueue, ListenerHandle } from "../../net/adapter.ts";
import type { CheckedListen } from "../../net/checked_options.ts";
import {
  isWildcard,
  tcpAddress,
  unixAddress,
  UNNAMED_UNIX_ADDRESS,
} from "../../net/address.ts";
import { PendingHandshakes } from "../../net/pending_handshakes.ts";
import { socketError, toSocketError } from "../../net/socket_error.ts";
import { handshakeError, peerLeft } from "../../net/tls_failure.ts";
import type { Address, TlsInfo, TlsListenOptions } from "../../socket.ts";
import {
  Bun,
  type BunServer,
  type BunSocket,
  type SocketEvents,
} from "./api.ts";
import { isReset, socketOptions, toConnection } from "./socket.ts";
import { flawOfClient, serverTlsOptions, tlsDescriber } from "./tls.ts";

/** Bun accepts by itself, so connections wait in the queue, unread. */
export class BunListener implements ListenerHandle, SocketEvents {
  readonly addr: Address;
  readonly #server: BunServer;
  readonly #options: CheckedListen;
  readonly #queue: AcceptQueue;
  readonly #handshakes: PendingHandshakes<BunSocket>;
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
    this.#handshakes = new PendingHandshakes(
      queue,
      "TLS handshake",
      (socket) => socket.terminate(),
    );
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
    const { transport } = this.#options;
    const tls = transport === "tcp" ? this.#options.tls : undefined;
    const queue = this.#queue;
    // The peer has reset it already.
    if (queue.isClosed || isReset(socket, this.#options)) socket.terminate();
    else if (socket.fd >= this.#limit) {
      socket.terminate();
      queue.reject(this.#peerOf(socket), (call) => socketError("EMFILE", call));
    } else if (tls !== undefined) this.#awaitHandshake(socket, tls);
    else this.#enqueue(socket);
  }

  onClose(): void {}

  #awaitHandshake(socket: BunSocket, tls: TlsListenOptions): void {
    const handshakes = this.#handshakes;
    handshakes.add(socket, this.#peerOf(socket));
    const fail = (error?: unknown) => {
      const reason = handshakeError(error ?? peerLeft());
      handshakes.fail(socket, (call) => toSocketError(reason, call));
    };
    socket.data = {
      onHandshake: (_, ok, error) => {
        // Bun closes the socket of a failed handshake.
        if (!ok) return fail(error);
        const flaw = flawOfClient(socket, tls.clientAuth, error);
        if (flaw !== undefined) {
          fail(flaw);
          // No alert can be sent any more, and an end would look like that of a
          // reply.
          socket.terminate();
        } else if (handshakes.remove(socket)) {
          this.#enqueue(socket, tlsDescriber(socket, true));
        }
      },
      onClose: fail,
    };
  }

  #enqueue(socket: BunSocket, describeTls?: () => TlsInfo): void {
    const options = this.#options;
    const queue = this.#queue;
    if (isReset(socket, options)) return socket.terminate();
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
    // Beyond the backlog a kernel refuses; a reset is the nearest to that.
    queue.add(connection);
  }

  #peerOf(socket: BunSocket): Address {
    return this.#options.transport === "unix"
      ? UNNAMED_UNIX_ADDRESS
      : tcpAddress(socket.remoteAddress ?? "", socket.remotePort ?? 0);
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
