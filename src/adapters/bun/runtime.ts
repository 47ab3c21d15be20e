import type { Address, Connection } from "../../socket.ts";
import { isAddress } from "../../net/validate.ts";
import { isWildcard, unixAddress } from "../../net/address.ts";
import type {
  Adapter,
  CheckedConnect,
  CheckedListen,
} from "../../net/adapter.ts";
import {
  broken,
  BunConnection,
  type BunError,
  type BunSocket,
} from "./handle.ts";
import { descriptorLimit, exhausted, refused } from "./proc.ts";
import { identityOf, trustOf } from "./tls.ts";
import { bindUdp } from "./udp.ts";
import { onAbort } from "../../net/wait_queue.ts";
import { BaseListener } from "../../net/socket_listener.ts";
import { Newcomers } from "../../net/pending_handshakes.ts";
import { isSecure, protocolError } from "../../net/tls.ts";
import { bindPath } from "../../net/socket_file.ts";

/** The parts of Bun that are used here. */
interface BunRuntime {
  listen(options: Record<string, unknown>): BunServer;
  connect(options: Record<string, unknown>): Promise<BunSocket>;
}

interface BunServer {
  readonly port: number;
  getsockname(out: { address?: string }): void;
  stop(closeActiveConnections?: boolean): void;
}

/** Who hears of a socket until its connection does. */
interface Opening {
  opened(socket: BunSocket): void;
  /** TLS only; not called when the peer resets. */
  shaken(socket: BunSocket, ok: boolean, error: BunError | null): void;
  gone(error?: BunError): void;
}

const { Bun } = globalThis as unknown as { Bun: BunRuntime };

/** Leaves the time before the first keep-alive probe to the system. */
const SYSTEM_DELAY = 0;

/** One object for all sockets: whose it is stands in `socket.data`. */
const handlers = {
  binaryType: "uint8array",
  open(socket: BunSocket): void {
    (socket.data as Opening).opened(socket);
  },
  // With this handler `open` comes before the handshake, so that it can be
  // given a deadline.
  handshake(socket: BunSocket, ok: boolean, error: BunError | null): void {
    // A renegotiation is none of ours.
    if (socket.data instanceof BunConnection) return;
    (socket.data as Opening).shaken(socket, ok, error);
  },
  data(socket: BunSocket, chunk: Uint8Array<ArrayBuffer>): void {
    (socket.data as BunConnection).arrived(chunk);
  },
  end(socket: BunSocket): void {
    if (socket.data instanceof BunConnection) socket.data.end();
  },
  drain(socket: BunSocket): void {
    if (socket.data instanceof BunConnection) socket.data.drained();
  },
  close(socket: BunSocket, error?: BunError): void {
    (socket.data as Opening | BunConnection).gone(error);
  },
  // `close` follows, without the error where TLS broke.
  error(socket: BunSocket, error: BunError): void {
    if (socket.data instanceof BunConnection) socket.data.fail(error);
  },
};

class BunListener extends BaseListener implements Opening {
  readonly addr: Address;
  readonly #server: BunServer;
  readonly #options: CheckedListen;
  /** Sockets whose handshake is under way. */
  readonly #shaking = new Newcomers<BunSocket>((socket) => socket.terminate());

  /** The first descriptor that is one too many. */
  readonly #limit: number;

  constructor(options: CheckedListen, limit: number, path?: string) {
    super();
    this.#options = options;
    this.#limit = limit;
    this.#server = Bun.listen({
      ...whereOf(options),
      ...(options.transport === "tcp" && {
        reusePort: options.reusePort,
        tls: options.tls && identityOf(options.tls),
      }),
      allowHalfOpen: true,
      data: this,
      socket: handlers,
    });
    this.addr = path === undefined ? this.#where() : unixAddress(path);
  }

  /** Bun accepts by itself: what nobody waits for waits here, unread. */
  opened(socket: BunSocket): void {
    if (this.closed || socket.fd >= this.#limit) socket.terminate();
    else if (isSecure(this.#options)) this.#awaitHandshake(socket);
    else this.#queue(socket);
  }

  #awaitHandshake(socket: BunSocket): void {
    this.#shaking.add(socket);
    const done = () => this.#shaking.remove(socket);
    socket.data = {
      shaken: (_: BunSocket, ok: boolean) => {
        done();
        // A client that failed is closed by Bun.
        if (ok) this.#queue(socket);
      },
      gone: done,
    };
  }

  #queue(socket: BunSocket): void {
    // Beyond the backlog a kernel refuses; a reset is the nearest to that.
    const full = this.queued >= this.#options.backlog;
    if (full || isGone(socket, this.#options)) return socket.terminate();
    // On a wildcard each connection has a local address of its own.
    const { addr } = this;
    const connection = addr.transport === "unix"
      ? connectionOf(socket, this.#options, addr, NOWHERE)
      : isWildcard(addr.hostname)
      ? connectionOf(socket, this.#options, undefined, undefined)
      : connectionOf(socket, this.#options, addr, undefined);
    if (!this.wanted) connection.pause();
    this.put(connection);
  }

  shaken(): void {}
  gone(): void {}
  protected wake(): void {}

  protected release(): void {
    this.#server.stop();
    this.#shaking.clear();
  }

  #where(): Address {
    if (this.#options.transport === "unix") {
      return { transport: "unix", path: this.#options.path };
    }
    // `server.hostname` repeats what was asked for.
    const bound: { address?: string } = {};
    this.#server.getsockname(bound);
    return {
      transport: "tcp",
      hostname: bound.address ?? this.#options.hostname,
      port: this.#server.port,
    };
  }
}

/** A connection being made: settled by the first event that decides it. */
class Dial implements Opening {
  readonly connected = Promise.withResolvers<Connection>();
  readonly #options: CheckedConnect;

  constructor(options: CheckedConnect) {
    this.#options = options;
  }

  opened(socket: BunSocket): void {
    const { signal } = this.#options;
    if (!isSecure(this.#options)) this.#settle(socket);
    else if (signal?.aborted) socket.terminate();
    else if (signal !== undefined) {
      onAbort(signal, this.connected.promise, () => socket.terminate());
    }
  }

  shaken(socket: BunSocket, ok: boolean, error: BunError | null): void {
    if (ok && error === null && socket.authorized) return this.#settle(socket);
    this.connected.reject(protocolError(error));
    socket.terminate();
  }

  gone(error?: BunError): void {
    this.connected.reject(error ?? protocolError(new Error("the peer left")));
  }

  #settle(socket: BunSocket): void {
    const options = this.#options;
    if (isGone(socket, options)) {
      this.connected.reject(broken("ECONNRESET"));
      return socket.terminate();
    }
    const [ours, peer] = options.transport === "unix"
      ? [NOWHERE, unixAddress(options.path)]
      : [];
    this.connected.resolve(connectionOf(socket, options, ours, peer));
  }
}

/** The address of a Unix socket that is bound to no path. */
const NOWHERE = unixAddress("");

/** Whether the peer has reset the connection by now: it has no address left. */
function isGone(
  socket: BunSocket,
  { transport }: CheckedListen | CheckedConnect,
): boolean {
  return transport === "tcp" && socket.remoteAddress === undefined;
}

/** Takes a socket over; `local` where it is known without asking the kernel. */
function connectionOf(
  socket: BunSocket,
  options: CheckedListen | CheckedConnect,
  local: Address | undefined,
  remote: Address | undefined,
): BunConnection {
  const secure = isSecure(options);
  const connection = new BunConnection(
    socket,
    local ?? tcp(socket.localAddress, socket.localPort),
    // Read now: Bun forgets the peer's address when the socket closes.
    remote ?? tcp(socket.remoteAddress, socket.remotePort),
    secure,
  );
  if (options.transport === "tcp" && options.keepAlive) {
    socket.setKeepAlive(true, SYSTEM_DELAY);
  }
  socket.data = connection;
  return connection;
}

function tcp(hostname: string, port: number): Address {
  return { transport: "tcp", hostname, port };
}

function whereOf(options: CheckedListen | CheckedConnect): object {
  return options.transport === "unix"
    ? { unix: options.path }
    : { hostname: options.hostname, port: options.port };
}

/** The error with the code that Bun did not give it. */
async function coded(
  error: unknown,
  options: CheckedListen | CheckedConnect,
): Promise<unknown> {
  if (!(error instanceof Error)) return error;
  if (await exhausted(error)) return Object.assign(error, { code: "EMFILE" });
  if (options.transport === "unix") return await refused(error, options.path);
  const name = !isAddress(options.hostname);
  if (!name || "code" in error) return error;
  return Object.assign(error, { code: "ENOTFOUND" });
}

async function dial(options: CheckedConnect): Promise<Connection> {
  const dial = new Dial(options);
  const tls = options.transport === "tcp" && options.tls;
  Bun.connect({
    ...whereOf(options),
    ...(tls && { tls: await trustOf(tls) }),
    allowHalfOpen: true,
    data: dial,
    socket: handlers,
  }).catch(dial.connected.reject);
  return await dial.connected.promise;
}

/** The interface on Bun's own sockets. */
export const bun: Adapter = {
  here: Bun !== undefined,

  async listen(options: CheckedListen): Promise<BunListener> {
    const limit = await descriptorLimit();
    try {
      return options.transport === "unix"
        ? await bindPath(options, {
          listen: (path) =>
            new BunListener({ ...options, path }, limit, options.path),
          knock: async () => await (await bun.connect(options)).close(),
          mayMask: true,
        })
        : new BunListener(options, limit);
    } catch (error) {
      throw await coded(error, options);
    }
  },

  async connect(options: CheckedConnect): Promise<Connection> {
    try {
      return await dial(options);
    } catch (error) {
      throw await coded(error, options);
    }
  },

  bind: bindUdp,
};
