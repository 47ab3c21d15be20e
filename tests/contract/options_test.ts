// What `listen` and `connect` refuse, and how they fail.
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  type Address,
  bind,
  connect,
  listen,
  type ListenOptions,
  SocketError,
} from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
} from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { output, python, start } from "../support/programs.ts";
import { pair, portOf } from "../support/transports.ts";

/** What a caller without types may pass. */
function untyped<T>(options: unknown): T {
  return options as T;
}

describe("wrong arguments", () => {
  for (const port of [-1, 65536, 1.5, NaN, Infinity]) {
    it(`port ${port} is a RangeError`, async () => {
      await assertRejects(() => listen({ port }), RangeError);
      await assertRejects(() => connect({ port }), RangeError);
    });
  }
  it("port 0 cannot be connected to", async () => {
    await assertRejects(() => connect({ port: 0 }), RangeError);
  });
  for (const port of ["80", undefined, null, {}, 80n]) {
    it(`port ${typeof port} is a TypeError`, async () => {
      await assertRejects(
        () => listen(untyped<ListenOptions>({ port })),
        TypeError,
      );
      await assertRejects(() => connect(untyped({ port })), TypeError);
    });
  }
  for (const hostname of ["", 127, null]) {
    it(`hostname ${JSON.stringify(hostname)} is a TypeError`, async () => {
      const options = untyped<{ port: number }>({ hostname, port: 1 });
      await assertRejects(() => listen(options), TypeError);
      await assertRejects(() => connect(options), TypeError);
    });
  }
  it("no options, or an unknown transport, are a TypeError", async () => {
    for (const wrong of [undefined, null, 80, { transport: "sctp", port: 1 }]) {
      await assertRejects(
        () => listen(untyped<ListenOptions>(wrong)),
        TypeError,
      );
      await assertRejects(() => connect(untyped(wrong)), TypeError);
    }
  });
  it("tls on anything but TCP is a TypeError", async () => {
    const unix = { transport: "unix", path: "x.sock", tls: true };
    await assertRejects(() => listen(untyped<ListenOptions>(unix)), TypeError);
    await assertRejects(() => connect(untyped(unix)), TypeError);
    const udp = { port: 0, tls: true };
    await assertRejects(() => bind(udp), TypeError);
  });
  it("a backlog below 1 is a RangeError", async () => {
    await assertRejects(() => listen({ port: 0, backlog: 0 }), RangeError);
  });
  it("a signal that is none is a TypeError", async () => {
    const options = untyped<{ port: number }>({ port: 1, signal: {} });
    await assertRejects(() => connect(options), TypeError);
  });
});

describe("faults have the same code on every runtime", () => {
  it("ECONNREFUSED where nothing listens", async () => {
    const listener = await listen({ port: 0 });
    const { port } = listener.addr;
    await listener.close();
    const error = await assertRejectsWith(
      "ECONNREFUSED",
      () => connect({ port }),
    );
    assert(error.message.includes(`127.0.0.1:${port}`), error.message);
    assert(error.cause instanceof Error);
    assertEquals(error.name, "SocketError");
  });
  it("ENOTFOUND for a name that does not resolve", async () => {
    const options = { hostname: "no-such-host.invalid", port: 80 };
    await assertRejectsWith("ENOTFOUND", () => listen(options));
    await assertRejectsWith("ENOTFOUND", () => connect(options));
  });
  it("EADDRNOTAVAIL for an address of another machine", async () => {
    const options = { hostname: "192.0.2.1", port: 0 };
    await assertRejectsWith("EADDRNOTAVAIL", () => listen(options));
  });
});

describe("names", () => {
  it("localhost is bound and reached as an IP", async () => {
    await using listener = await listen({ hostname: "localhost", port: 0 });
    const { hostname, port } = listener.addr;
    assert(["127.0.0.1", "::1"].includes(hostname), hostname);
    await using client = await connect({ hostname: "localhost", port });
    assertEquals(client.remoteAddr, listener.addr);
  });
  it("IPv6 may be written in brackets", async () => {
    await using listener = await listen({ hostname: "[::1]", port: 0 });
    const { port } = listener.addr;
    assertEquals(listener.addr.hostname, "::1");
    await using _client = await connect({ hostname: "[::1]", port });
  });
  it("nothing is exposed unless asked", async () => {
    await using listener = await listen({ port: 0 });
    assertEquals(listener.addr.hostname, "127.0.0.1");
  });
});

describe("an aborted connect", () => {
  it("rejects with the reason, before and meanwhile", async () => {
    const reason = new Error("Enough");
    await using listener = await listen({ port: 0 });
    const { port } = listener.addr;
    const late = connect({ port, signal: AbortSignal.abort(reason) });
    assertEquals(await late.catch((error) => error), reason);
    const controller = new AbortController();
    const meanwhile = connect({ port, signal: controller.signal });
    controller.abort(reason);
    assertEquals(await meanwhile.catch((error) => error), reason);
  });
  it("leaves no connection open", async () => {
    await using listener = await listen({ port: 0 });
    const controller = new AbortController();
    const aborted = connect({
      port: listener.addr.port,
      signal: controller.signal,
    }).catch(() => {});
    controller.abort();
    await aborted;
    const conn = await listener.accept({ signal: AbortSignal.timeout(300) })
      .catch(() => undefined);
    // It may have reached the listener, but its other end is closed.
    if (conn !== undefined) assertEquals(await conn.recv(), null);
    await conn?.close();
  });
  it("does not touch a connection that is there already", async () => {
    await using listener = await listen({ port: 0 });
    const controller = new AbortController();
    await using client = await connect({
      port: listener.addr.port,
      signal: controller.signal,
    });
    await using server = await listener.accept();
    controller.abort();
    await client.send("alive");
    assertEquals(text(await server.recv()), "alive");
  });
});

const RESET = `
s = socket.create_connection((args[0], int(args[1])))
s.sendall(args[2].encode())
s.recv(1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
`;

describe("a peer that resets", () => {
  it(
    "is ECONNRESET for recv, pipeTo and then send",
    { timeout: 30_000 },
    async () => {
      await using listener = await listen({ port: 0 });
      for (const receive of ["recv", "pipeTo"]) {
        await using _peer = start(
          python(RESET, "127.0.0.1", listener.addr.port, ""),
        );
        await using conn = await listener.accept();
        const code = (receive === "recv" ? conn.recv() : conn.pipeTo(conn))
          .catch((error) => error);
        await conn.send("!");
        const error = await code;
        assert(error instanceof SocketError);
        assertEquals(error.code, "ECONNRESET");
        await assertRejectsWith("ECONNRESET", () => conn.recv());
        await assertRejectsWith("ECONNRESET", () => conn.send("x"));
      }
    },
  );
  it("does not take what it sent before", { timeout: 30_000 }, async () => {
    await using listener = await listen({ port: 0 });
    const gone = output(python(RESET, "127.0.0.1", listener.addr.port, "last"));
    await using conn = await listener.accept();
    await conn.send("!");
    await gone;
    assertEquals(text(await conn.recv()), "last");
    await assertRejectsWith("ECONNRESET", () => conn.recv());
  });
});

testContract("many connections at once keep apart", async (over) => {
  await using ends = await pair(over);
  const { listener } = ends;
  const serving = (async () => {
    for await (const conn of listener) {
      conn.pipeTo(conn).then(() => conn.close());
    }
  })();
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    await using conn = await over.connect(listener.addr);
    await conn.send(`client ${i}`);
    await conn.closeWrite();
    assertEquals(text(await recvAll(conn)), `client ${i}`);
  }));
  await listener.close();
  await serving;
});

it("TCP_NODELAY is on: small writes do not wait for each other", {
  timeout: 30_000,
}, async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  await using client = await connect({ port });
  await using server = await listener.accept();
  const started = performance.now();
  for (let i = 0; i < 20; i++) {
    // With Nagle's algorithm the second write waits 40 ms for the answer to
    // the first.
    await client.send("a");
    await client.send("b");
    for (let n = 0; n < 2;) n += (await server.recv())?.length ?? 2;
    await server.send("c");
    await server.send("d");
    for (let n = 0; n < 2;) n += (await client.recv())?.length ?? 2;
  }
  const took = performance.now() - started;
  assert(took < 400, `${took} ms for 20 rounds`);
});

const TCP_TABLE = "/proc/net/tcp";
const skip = existsSync(TCP_TABLE) ? false : `There is no ${TCP_TABLE}`;

it("keepAlive sets the probe's timer on both sides", { skip }, async () => {
  for (const keepAlive of [true, false]) {
    await using listener = await listen({ port: 0, keepAlive });
    const { port } = listener.addr;
    await using client = await connect({ port, keepAlive });
    await using server = await listener.accept();
    for (const { localAddr, remoteAddr } of [client, server]) {
      assertEquals(probes(localAddr, remoteAddr), keepAlive);
    }
  }
});

/** Whether the kernel runs a keep-alive timer, number 2, for the connection. */
function probes(local: Address, remote: Address): boolean {
  const [from, to] = [local, remote].map((address) =>
    `0100007F:${portOf(address).toString(16).toUpperCase().padStart(4, "0")}`
  );
  const row = readFileSync(TCP_TABLE, "utf8").split("\n")
    .find((line) => line.includes(`${from} ${to}`));
  if (row === undefined) throw new Error(`No connection ${from} ${to}`);
  return row.trim().split(/\s+/)[5].startsWith("02:");
}
