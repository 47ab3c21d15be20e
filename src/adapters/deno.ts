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

/** The parts of Deno that are used here. */
interface DenoRuntime {
  listen(options: Record<string, unknown>): DenoServer;
  connect(options: Record<string, unknown>): Promise<DenoSocket>;
}

interface DenoServer {
  readonly addr: Address;
  accept(): Promise<DenoSocket>;
  close(): void;
}

interface DenoSocket {
  readonly localAddr: Address;
  readonly remoteAddr: Address;
  /** Takes no signal; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Takes what fits. */
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  /** Absent from Unix sockets. */
  setNoDelay?(): void;
  setKeepAlive?(): void;
}

const { Deno } = globalThis as unknown as { Deno: DenoRuntime };

/** The buffer of a connection starts small, for there may be many idle ones… */
const SMALLEST_BUFFER = 1024;
/** …and grows while reads fill it, as far as throughput grows with it. */
const LARGEST_BUFFER = 262_144;

class DenoConnection extends BaseConnection {
  readonly #socket: DenoSocket;
  #reading = false;
  #maxBytes = 0;
  #size = SMALLEST_BUFFER;
  #buffer: Uint8Array<ArrayBuffer> | null = null;

  constructor(socket: DenoSocket, local: Address, remote: Address) {
    super(local, remote);
    this.#socket = socket;
  }

  protected read(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    // One read at a time: what an aborted `recv` left under way serves the
    // next one.
    if (!this.#reading) this.#readOn();
  }

  async #readOn(): Promise<void> {
    this.#reading = true;
    try {
      while (this.wanted) {
        const buffer = this.#bufferToFill();
        const n = await this.#socket.read(buffer);
        if (n === null) return this.end();
        if (this.relaying) await this.#pass(buffer, n);
        else this.push(this.#handOut(buffer, n));
        if (n === buffer.length) this.#grow();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.#reading = false;
    }
  }

  #bufferToFill(): Uint8Array<ArrayBuffer> {
    this.#buffer ??= new Uint8Array(this.#size);
    const size = this.relaying ? this.#size : this.#maxBytes;
    return size < this.#buffer.length
      ? this.#buffer.subarray(0, size)
      : this.#buffer;
  }

  /** Small reads are copied out of the buffer, large ones take it along. */
  #handOut(
    buffer: Uint8Array<ArrayBuffer>,
    n: number,
  ): Uint8Array<ArrayBuffer> {
    if (n < this.#buffer!.length / 2) return buffer.slice(0, n);
    this.#buffer = null;
    return buffer.subarray(0, n);
  }

  async #pass(buffer: Uint8Array, n: number): Promise<void> {
    try {
      await this.forward(n === buffer.length ? buffer : buffer.subarray(0, n));
    } catch (error) {
      this.abandon(error);
    }
  }

  #grow(): void {
    if (this.#size === LARGEST_BUFFER) return;
    this.#size *= 4;
    this.#buffer = null;
  }

  protected async write(data: Uint8Array): Promise<void> {
    for (;;) {
      const n = await this.#socket.write(data);
      this.bytesSent += n;
      if (n === data.length) return;
      data = data.subarray(n);
    }
  }

  protected finish(): Promise<void> {
    return this.#socket.closeWrite();
  }

  protected release(): void {
    this.#socket.close();
  }
}

class DenoListener extends BaseListener {
  readonly addr: Address;
  readonly #server: DenoServer;
  readonly #options: CheckedListen;
  #waking = false;
  #accepting: Promise<DenoSocket> | undefined;

  constructor(server: DenoServer, options: CheckedListen) {
    super();
    this.#server = server;
    this.#options = options;
    this.addr = addressOf(server.addr);
  }

  protected wake(): void {
    if (!this.#waking) this.#acceptOn();
  }

  /** Accepts while somebody waits; the rest waits in the kernel. */
  async #acceptOn(): Promise<void> {
    this.#waking = true;
    for (let pause = 0; this.wanted;) {
      try {
        this.#accepting = this.#server.accept();
        this.put(connectionOf(await this.#accepting, this.#options));
        pause = 0;
      } catch {
        if (this.closed) break;
        // A peer that was gone before it was accepted costs nothing; but when
        // descriptors are short, trying again at once would only spin.
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(1000, pause * 2 || 5);
      }
    }
    this.#waking = false;
  }

  protected async release(): Promise<void> {
    this.#server.close();
    // An accept under way keeps the address until it has been cancelled.
    await this.#accepting?.catch(() => {});
  }
}

function connectionOf(
  socket: DenoSocket,
  options: CheckedListen | CheckedConnect,
): DenoConnection {
  if (options.transport === "tcp") {
    socket.setNoDelay?.();
    if (options.keepAlive) socket.setKeepAlive?.();
  }
  return new DenoConnection(
    socket,
    addressOf(socket.localAddr),
    addressOf(socket.remoteAddr),
  );
}

/** Deno's addresses have no prototype; ours are plain objects. */
function addressOf(address: Address): Address {
  return address.transport === "unix"
    ? { transport: "unix", path: address.path ?? "" }
    : {
      transport: address.transport,
      hostname: address.hostname,
      port: address.port,
    };
}

/** The interface on Deno's own sockets. */
export const deno: Adapter = {
  here: Deno !== undefined,

  listen(options: CheckedListen): Listener {
    const { backlog, ...where } = options;
    const server = Deno.listen({ ...where, tcpBacklog: backlog });
    return new DenoListener(server, options);
  },

  async connect(options: CheckedConnect): Promise<Connection> {
    return connectionOf(await Deno.connect({ ...options }), options);
  },

  bind(): Promise<DatagramSocket> {
    return Promise.reject(fault("ENOTSUP", "Cannot bind"));
  },
};
