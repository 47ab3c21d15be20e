// A minimal adapter over `node:net`, for TCP. The contract suite
// holds it to the same promises as the runtimes' own, so it is also the sample
// for a new runtime.
import { once } from "node:events";
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import type {
  AcceptQueue,
  Adapter,
  ListenerHandle,
} from "../../src/net/adapter.ts";
import type {
  CheckedConnect,
  CheckedListen,
} from "../../src/net/checked_options.ts";
import { tcpAddress } from "../../src/net/address.ts";
import type { Handle, HandleEvents } from "../../src/net/handle.ts";
import { SocketConnection } from "../../src/net/socket_connection.ts";
import { socketError, withErrorCode } from "../../src/net/socket_error.ts";
import type { Address } from "../../mod.ts";

const PART_BYTES = 65_536;

class NodeHandle implements Handle {
  events: HandleEvents | undefined;
  readonly #socket: Socket;
  #hasEnded = false;
  #writing: PromiseWithResolvers<number> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket.pause();
    // A copy, for the chunk may share its memory with others.
    socket.on("data", (data) => this.events?.onData(new Uint8Array(data)));
    socket.on("end", () => {
      this.#hasEnded = true;
      this.events?.onEnd();
    });
    socket.on("error", (error: Error & { code?: string }) => {
      // The peer reads no more, which the write that met it reports.
      if (error.code !== "EPIPE") this.events?.onError(error);
    });
    socket.on("close", () => {
      // A failed write closes the socket, with bytes unread perhaps.
      const wasReset = !this.#hasEnded;
      if (wasReset) this.events?.onError(peerGone("ECONNRESET"));
      this.#writing?.reject(peerGone("EPIPE"));
      this.events?.onClose();
    });
  }

  readStart(): void {
    this.#socket.resume();
  }

  readStop(): void {
    this.#socket.pause();
  }

  write(data: Uint8Array): Promise<number> {
    const writing = Promise.withResolvers<number>();
    this.#writing = writing;
    // Part by part, so that `bytesSent` shows the progress of a slow send.
    const part = data.subarray(0, PART_BYTES);
    this.#socket.write(part, (error) => {
      // The `error` event has the reason, and comes before `close`.
      if (!error) writing.resolve(part.length);
    });
    if (this.#socket.closed) {
      writing.reject(peerGone(this.#hasEnded ? "EPIPE" : "ECONNRESET"));
    }
    return writing.promise;
  }

  shutdown(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.end(resolve);
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

class NodeListenerHandle implements ListenerHandle {
  readonly addr: Address;
  readonly #server: Server;

  constructor(server: Server, queue: AcceptQueue) {
    const { address, port } = server.address() as AddressInfo;
    this.addr = tcpAddress(address, port);
    this.#server = server;
    server.on("connection", (socket) => {
      const connection = toConnection(socket);
      if (!queue.put(connection)) connection.close();
    });
  }

  async close(): Promise<void> {
    this.#server.close();
    // The socket is closed at once, the handle in the next turn.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function toConnection(socket: Socket): SocketConnection {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  return new SocketConnection(
    new NodeHandle(socket),
    tcpAddress(localAddress ?? "", localPort ?? 0),
    tcpAddress(remoteAddress ?? "", remotePort ?? 0),
  );
}

function peerGone(code: "EPIPE" | "ECONNRESET"): Error {
  return withErrorCode(new Error("The peer is gone"), code);
}

/** Refuses what this adapter cannot do: an option is never ignored. */
function refuseOptions<Options extends CheckedListen | CheckedConnect>(
  options: Options,
): asserts options is Extract<Options, { transport: "tcp" }> {
  const unsupported = ["path", "tls", "keepAlive", "reusePort"];
  for (const name of unsupported) {
    if (Reflect.get(options, name) === undefined) continue;
    const call = { syscall: "listen" } as const;
    throw socketError("ENOTSUP", call, undefined, `omit ${name}`);
  }
}

export const nodeNet: Adapter = {
  isCurrent: true,

  async listen(options, queue) {
    refuseOptions(options);
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      pauseOnConnect: true,
    });
    const { hostname: host, port, backlog } = options;
    server.listen({ host, port, backlog });
    await once(server, "listening");
    return new NodeListenerHandle(server, queue);
  },

  async connect(options) {
    refuseOptions(options);
    const { hostname: host, port, signal } = options;
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    try {
      await once(socket, "connect", { signal });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return toConnection(socket);
  },

  checkCertificates() {
    const call = { syscall: "listen" } as const;
    throw socketError("ENOTSUP", call, undefined, "without TLS");
  },

  bind() {
    throw socketError("ENOTSUP", { syscall: "bind" }, undefined, "use TCP");
  },
};
