// A third runtime is one file: here is TCP over `node:net`, by what the base
// classes ask for and nothing else. It keeps their promises.
import { once } from "node:events";
import {
  createConnection,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import { it } from "node:test";
import type { Address } from "../../mod.ts";
import type {
  Adapter,
  CheckedConnect,
  CheckedListen,
} from "../../src/net/adapter.ts";
import { BaseConnection } from "../../src/net/socket_connection.ts";
import { fault } from "../../src/net/socket_error.ts";
import { BaseListener } from "../../src/net/socket_listener.ts";
import {
  assert,
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { portOf } from "../support/transports.ts";

function tcp(hostname = "", port = 0): Address {
  return { transport: "tcp", hostname, port };
}

class NodeConnection extends BaseConnection {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    super(
      tcp(localAddress, localPort),
      tcp(remoteAddress, remotePort),
      undefined,
    );
    this.#socket = socket.pause();
    socket.on("data", (data) => this.#arrived(new Uint8Array(data)));
    socket.on("end", () => this.end());
    socket.on("error", (error) => this.fail(error));
  }

  async #arrived(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#socket.pause();
    const relay = this.relay;
    try {
      if (this.relaying) await this.forward(chunk);
      else this.push(chunk);
    } catch (error) {
      this.abandon(error, relay);
    }
    if (this.wanted) this.#socket.resume();
  }

  protected read(): void {
    this.#socket.resume();
  }

  protected write(data: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(data, (error) => {
      if (error) reject(this.explain(error));
      else {
        this.bytesSent += data.length;
        resolve();
      }
      this.written();
    });
    return promise;
  }

  protected finish(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(resolve));
  }

  protected release(): void {
    this.#socket.destroy();
  }
}

class NodeListener extends BaseListener {
  readonly addr: Address;
  readonly #server: Server;

  constructor(server: Server) {
    super();
    const bound = server.address();
    assert(bound !== null && typeof bound === "object");
    this.addr = tcp(bound.address, bound.port);
    this.#server = server;
    server.on("connection", (socket) => this.put(new NodeConnection(socket)));
  }

  protected wake(): void {}

  protected release(): void {
    this.#server.close();
  }
}

/** What it cannot do is refused, and never dropped. */
function checkPlain<Options extends CheckedListen | CheckedConnect>(
  options: Options,
): asserts options is Extract<Options, { transport: "tcp" }> {
  if (options.transport === "unix" || options.tls !== undefined) {
    throw fault("ENOTSUP", "Cannot do that", undefined, "use plain TCP");
  }
}

const node: Adapter = {
  here: true,

  async listen(options: CheckedListen) {
    checkPlain(options);
    const { port, hostname: host, backlog } = options;
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen({ port, host, backlog });
    await once(server, "listening");
    return new NodeListener(server);
  },

  async connect(options: CheckedConnect) {
    checkPlain(options);
    const { port, hostname: host } = options;
    const socket = createConnection({ port, host, allowHalfOpen: true });
    await once(socket, "connect");
    return new NodeConnection(socket.setNoDelay());
  },

  bind() {
    throw fault("ENOTSUP", "Cannot bind", undefined, "use TCP");
  },
};

const loopback = { transport: "tcp", hostname: "127.0.0.1" } as const;

it("a third adapter carries an echo", { timeout: 30_000 }, async () => {
  await using listener = await node.listen({
    ...loopback,
    port: 0,
    backlog: 511,
  });
  const where = { ...loopback, port: portOf(listener.addr) };
  await using client = await node.connect(where);
  await using server = await listener.accept();
  assertEquals(server.remoteAddr, client.localAddr);

  const data = pattern(3_000_000);
  const echoed = server.pipeTo(server);
  const sent = client.send(data).then(() => client.closeWrite());
  assertSameBytes(await recvAll(client), data);
  await Promise.all([sent, echoed]);
  assertEquals(server.bytesSent, data.length);
});

it("a third adapter keeps the promises of calls", {
  timeout: 30_000,
}, async () => {
  await using listener = await node.listen({
    ...loopback,
    port: 0,
    backlog: 511,
  });
  const where = { ...loopback, port: portOf(listener.addr) };
  await using client = await node.connect(where);
  await using server = await listener.accept();

  const { signal } = new AbortController();
  const waiting = server.recv(2, { signal });
  await assertRejectsWith("EBUSY", () => server.recv());
  await Promise.all([client.send("ab"), client.send("cd")]);
  assertEquals(text(await waiting), "ab");
  const aborted = server.recv(9, { signal: AbortSignal.abort("enough") });
  assertEquals(await aborted.catch((reason) => reason), "enough");
  assertEquals(text(await server.recv()), "cd");

  await client.closeWrite();
  await assertRejectsWith("EPIPE", () => client.send("x"));
  assertEquals(await server.recv(), null);
  await server.send("still here");
  await server.closeWrite();
  assertEquals(text(await recvAll(client)), "still here");

  const accepting = listener.accept();
  await Promise.all([
    assertRejectsWith("EBADF", () => accepting),
    listener.close(),
  ]);
  await client.close();
  await assertRejectsWith("EBADF", () => client.recv());
});
