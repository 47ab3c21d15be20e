// The orderly end of a connection: FIN, a bounded drain, close.
import { it } from "node:test";
import { type Connection, serve, SocketError } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import { testEachTransport, transports } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MiB = 1024 * 1024;

testEachTransport(
  "the last words survive 1 MiB that was not read",
  async (transport) => {
    const through = Promise.withResolvers<void>();
    await using server = await serve(
      transport.listenOptions(),
      async (conn) => {
        await conn.send("welcome");
        through.resolve();
      },
    );
    await using client = await transport.connect(server.addr);
    await client.send(pattern(MiB / 2));
    await through.promise;
    for (let sent = 0; sent < MiB / 2; sent += 65536) {
      await client.send(pattern(65536));
    }
    assertEquals(text(await recvExactly(client, 7)), "welcome");
    assertEquals(await client.recv(), null);
    await client.closeWrite();
    await until(() => server.stats().active === 0);
  },
);

testEachTransport(
  "our side ends though the peer's is open",
  async (transport) => {
    await using server = await serve(
      transport.listenOptions(),
      (conn) => conn.send("that is all"),
    );
    await using client = await transport.connect(server.addr);
    assertEquals(text(await recvAll(client)), "that is all");
    assertEquals(server.stats().active, 1);
    await client.closeWrite();
    await until(() => server.stats().active === 0);
  },
);

testEachTransport(
  "a peer that sends for ever is cut off",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), () => {});
    await using client = await transport.connect(server.addr);
    assertEquals(await client.recv(), null);
    const chunk = new Uint8Array(65536);
    const { code } = await assertRejects(async () => {
      for (;;) await client.send(chunk);
    }, SocketError);
    assert(code === "ECONNRESET" || code === "EPIPE", code);
    await until(() => server.stats().active === 0);
    const { bytesReceived } = server.stats();
    const bounded = bytesReceived >= MiB && bytesReceived <= 64 * MiB;
    assert(bounded, `Drained ${bytesReceived} bytes`);
  },
);

// Bun's default timeout of a test is 5 seconds.
const patience = { timeout: 30_000 };
it("a peer that never ends is cut off within seconds", patience, async () => {
  await using server = await serve({ port: 0 }, () => {});
  await using client = await transports[0].connect(server.addr);
  assertEquals(await client.recv(), null);
  const started = performance.now();
  await until(() => server.stats().active === 0);
  const took = performance.now() - started;
  assert(took > 1000 && took < 10_000, `Took ${took} ms`);
});

testEachTransport(
  "sends that were not awaited still arrive",
  async (transport) => {
    const data = pattern(4 * MiB);
    await using server = await serve(transport.listenOptions(), (conn) => {
      conn.send(data);
      conn.send("the end");
    });
    await using client = await transport.connect(server.addr);
    assertSameBytes(await recvExactly(client, data.length), data);
    assertEquals(text(await recvAll(client)), "the end");
    await client.closeWrite();
  },
);

testEachTransport(
  "a recv left waiting does not spoil the end",
  async (transport) => {
    await using server = await serve(
      transport.listenOptions(),
      async (conn) => {
        conn.recv().catch(() => {});
        await conn.send("too late");
      },
    );
    await using client = await transport.connect(server.addr);
    assertEquals(text(await recvExactly(client, 8)), "too late");
    assertEquals(await client.recv(), null);
    await client.send(pattern(MiB / 2));
    await client.send(pattern(MiB / 2));
    await client.closeWrite();
    await until(() => server.stats().active === 0);
    assertEquals(server.stats().bytesReceived, MiB);
  },
);

testEachTransport("a handler may end or close by itself", async (transport) => {
  const ends: ((conn: Connection) => Promise<void>)[] = [
    (conn) => conn.closeWrite(),
    (conn) => conn.close(),
  ];
  const errors: unknown[] = [];
  const options = {
    ...transport.listenOptions(),
    onError: (error: unknown) => void errors.push(error),
    onDisconnect: ({ error }: { error?: unknown }) => {
      if (error !== undefined) errors.push(error);
    },
  };
  for (const end of ends) {
    await using server = await serve(options, async (conn) => {
      await conn.send("bye");
      await end(conn);
    });
    await using client = await transport.connect(server.addr);
    assertEquals(text(await recvAll(client)), "bye");
    await client.closeWrite();
    await until(() => server.stats().active === 0);
  }
  assertEquals(errors, []);
});

testEachTransport("a shutdown waits for the orderly end", async (transport) => {
  await using server = await serve(
    transport.listenOptions(),
    (conn) => conn.send("welcome"),
  );
  await using client = await transport.connect(server.addr);
  assertEquals(text(await recvAll(client)), "welcome");
  const shutdown = server.shutdown();
  await client.send(pattern(MiB / 2));
  await client.closeWrite();
  await shutdown;
  assertEquals(server.stats().bytesReceived, MiB / 2);
});
