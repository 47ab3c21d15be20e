import type {
  Address,
  Connection,
  DatagramSocket,
  Listener,
} from "../socket.ts";
import type { Adapter, CheckedConnect, CheckedListen } from "./adapter.ts";
import { BaseConnection } from "./connection.ts";
import { fault } from "./fault.ts";
import { BaseListener } from "./listener.ts";

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

interface BunSocket {
  data: Owner;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Takes what fits; 0 when full, -1 when the connection is gone. */
  write(data: Uint8Array): number;
  /** Half-closes. */
  shutdown(): void;
  /** Closes. */
  end(): void;
  /** Resets. */
  terminate(): void;
  pause(): void;
  resume(): void;
  setKeepAlive(enable: boolean, initialDelay: number): boolean;
}

/** What a socket belongs to: who made it until `open`, then its connection. */
type Owner = { adopt(socket: BunSocket): void } | BunConnection;

const { Bun } = globalThis as unknown as { Bun: BunRuntime };

/** Leaves the time before the first keep-alive probe to the system. */
const SYSTEM_DELAY = 0;

/** One object for all sockets: Bun finds the connection in `socket.data`. */
const handlers = {
  binaryType: "uint8array",
  open(socket: BunSocket): void {
    (socket.data as { adopt(socket: BunSocket): void }).adopt(socket);
  },
  data(socket: BunSocket, chunk: Uint8Array<ArrayBuffer>): void {
    (socket.data as BunConnection).arrived(chunk);
  },
  end(socket: BunSocket): void {
    (socket.data as BunConnection).end();
  },
  drain(socket: BunSocket): void {
    (socket.data as BunConnection).drained();
  },
  close(socket: BunSocket, error?: Error & { code?: string }): void {
    // Not yet a connection: a `connect` that failed, which rejects by itself.
    if (socket.data instanceof BunConnection) socket.data.gone(error);
  },
  // A failure closes the socket as well, and `close` reports it; but without
  // this handler Bun prints it.
  error(): void {},
};

class BunConnection extends BaseConnection {
  readonly #socket: BunSocket;
  #paused = false;
  /** The rest of a write that Bun took a part of. */
  #rest: (PromiseWithResolvers<void> & { data: Uint8Array }) | null = null;

  constructor(socket: BunSocket, local: Address, remote: Address) {
    super(local, remote);
    this.#socket = socket;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  protected read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  protected write(data: Uint8Array): Promise<void> | void {
    const taken = this.#take(data);
    if (taken === data.length) return;
    const rest = Promise.withResolvers<void>();
    this.#rest = { ...rest, data: data.subarray(taken) };
    return rest.promise;
  }

  protected finish(): void {
    this.#socket.shutdown();
  }

  protected release(): void {
    this.#socket.end();
    this.#stopWriting();
  }

  /** Bytes came. Bun reads on by itself, so a lack of interest is a pause. */
  arrived(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.relaying) {
      const full = this.forward(chunk);
      if (full !== undefined) this.#holdBack(full);
    } else {
      if (!this.wanted) this.pause();
      this.push(chunk);
    }
  }

  #holdBack(full: Promise<void>): void {
    this.pause();
    full.then(() => this.read(), (error) => this.abandon(error));
  }

  drained(): void {
    const rest = this.#rest;
    // Bun also calls `drain` when nothing waits for it.
    if (rest === null) return;
    let taken: number;
    try {
      taken = this.#take(rest.data);
    } catch (error) {
      this.#rest = null;
      return rest.reject(error);
    }
    rest.data = rest.data.subarray(taken);
    if (rest.data.length > 0) return;
    this.#rest = null;
    rest.resolve();
  }

  /** The socket is closed: both sides have ended, or it broke. */
  gone(error?: Error & { code?: string }): void {
    // EPIPE tells that what we sent met a peer that had ended before: for the
    // receiving side that is the end.
    if (error === undefined || error.code === "EPIPE") this.end();
    else this.fail(error);
    this.#stopWriting(error);
  }

  #take(data: Uint8Array): number {
    const taken = this.#socket.write(data);
    if (taken < 0) throw broken();
    this.bytesSent += taken;
    return taken;
  }

  #stopWriting(reason: Error = broken()): void {
    this.#rest?.reject(reason);
    this.#rest = null;
  }
}

class BunListener extends BaseListener {
  readonly addr: Address;
  readonly #server: BunServer;
  readonly #options: CheckedListen;

  constructor(options: CheckedListen) {
    super();
    this.#options = options;
    this.#server = Bun.listen({
      ...whereOf(options),
      reusePort: options.transport === "tcp" && options.reusePort,
      allowHalfOpen: true,
      data: this,
      socket: handlers,
    });
    this.addr = this.#where();
  }

  /** Bun accepts by itself: what nobody waits for waits here, unread. */
  adopt(socket: BunSocket): void {
    // Beyond the backlog a kernel refuses; a reset is the nearest to that.
    if (this.closed || this.queued >= this.#options.backlog) {
      return socket.terminate();
    }
    const connection = connectionOf(socket, this.#options);
    if (!this.wanted) connection.pause();
    this.put(connection);
  }

  protected wake(): void {}

  protected release(): void {
    this.#server.stop();
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

function whereOf(options: CheckedListen | CheckedConnect): object {
  return options.transport === "unix"
    ? { unix: options.path }
    : { hostname: options.hostname, port: options.port };
}

function connectionOf(
  socket: BunSocket,
  options: CheckedListen | CheckedConnect,
): BunConnection {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const connection = new BunConnection(
    socket,
    { transport: "tcp", hostname: localAddress, port: localPort },
    // Read now: Bun forgets the peer's address when the socket closes.
    { transport: "tcp", hostname: remoteAddress, port: remotePort },
  );
  socket.data = connection;
  if (options.transport === "tcp" && options.keepAlive) {
    socket.setKeepAlive(true, SYSTEM_DELAY);
  }
  return connection;
}

/** What a write to a closed socket means; Bun only says -1. */
function broken(): Error {
  return Object.assign(new Error("The socket is closed"), { code: "EPIPE" });
}

/** Bun's name errors come without a code. */
function unresolved(error: unknown, options: CheckedListen): unknown {
  const name = options.transport === "tcp" &&
    !/:|^[\d.]+$/.test(options.hostname);
  if (!name || !(error instanceof Error) || "code" in error) return error;
  return Object.assign(error, { code: "ENOTFOUND" });
}

/** The interface on Bun's own sockets. */
export const bun: Adapter = {
  here: Bun !== undefined,

  listen(options: CheckedListen): Listener {
    try {
      return new BunListener(options);
    } catch (error) {
      throw unresolved(error, options);
    }
  },

  async connect(options: CheckedConnect): Promise<Connection> {
    const socket = await Bun.connect({
      ...whereOf(options),
      allowHalfOpen: true,
      data: {
        adopt: (socket: BunSocket) => void connectionOf(socket, options),
      },
      socket: handlers,
    });
    return socket.data as BunConnection;
  },

  bind(): Promise<DatagramSocket> {
    return Promise.reject(fault("ENOTSUP", "Cannot bind"));
  },
};
