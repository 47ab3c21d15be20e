// Peers that do their worst within the protocol: they never speak, dawdle, or
// vanish.
import { echo, serve } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly } from "../support/bytes.ts";
import { exchange } from "../support/servers.ts";
import { testEachTransport } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MIB = 1024 * 1024;
testEachTransport("one byte at a time, both ways", async (transport) => {
  await using server = await serve(transport.listenOptions(), async (conn) => {
    for (let byte; (byte = await conn.recv(1)) !== null;) await conn.send(byte);
  });
  await using client = await transport.connect(server.addr);
  const data = pattern(5000);
  const sent = (async () => {
    for (const byte of data) await client.send(Uint8Array.of(byte));
    await client.closeWrite();
  })();
  const got: number[] = [];
  for (let byte; (byte = await client.recv(1)) !== null;) {
    assertEquals(byte.length, 1);
    got.push(byte[0]);
  }
  await sent;
  assertSameBytes(Uint8Array.from(got), data);
});

testEachTransport(
  "200 half-open connections get their answers",
  async (transport) => {
    const COUNT = 200;
    const all = Promise.withResolvers<void>();
    let ended = 0;
    await using server = await serve(
      transport.listenOptions(),
      async (conn) => {
        const question = await recvAll(conn);
        if (++ended === COUNT) all.resolve();
        await all.promise;
        await conn.send(question);
      },
    );
    const data = pattern(1000);
    await Promise.all(
      Array.from({ length: COUNT }, async () => {
        await using client = await transport.connect(server.addr);
        await client.send(data);
        await client.closeWrite();
        assertSameBytes(await recvAll(client), data);
      }),
    );
    await until(() => server.stats().active === 0);
    assertEquals(server.stats().bytesSent, COUNT * data.length);
  },
);

testEachTransport("200 silent clients delay no other", async (transport) => {
  const COUNT = 200;
  const at = { ...transport.listenOptions(), idleTimeout: 1000 };
  let late = 0;
  const onDisconnect = ({ error }: { error?: unknown }) => {
    if (error instanceof Error && error.message.includes("ETIMEDOUT")) late++;
  };
  await using server = await serve({ ...at, onDisconnect }, echo);
  const silent = await Promise.all(
    Array.from({ length: COUNT }, () => transport.connect(server.addr)),
  );
  await until(() => server.stats().accepted === COUNT);
  await using client = await transport.connect(server.addr);
  await exchange(client, "hello");
  await client.close();
  const ends = await Promise.all(silent.map((conn) => conn.recv()));
  assertEquals(new Set(ends), new Set([null]));
  await until(() => server.stats().active === 0);
  assertEquals(late, COUNT);
  for (const conn of silent) await conn.close();
});

testEachTransport(
  "clients that vanish mid 64 MiB leave nothing",
  async (transport) => {
    const block = pattern(MIB);
    const size = 64;
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const at = () => ({ ...transport.listenOptions(), onError });
    // To one the client is sending, from the other it receives.
    await using sink = await serve(
      at(),
      async (conn) => void await recvAll(conn),
    );
    await using source = await serve(at(), async (conn) => {
      for (let i = 0; i < size; i++) await conn.send(block);
    });
    for (let i = 0; i < 5; i++) {
      await using sender = await transport.connect(sink.addr);
      const sending = (async () => {
        for (let i = 0; i < size; i++) await sender.send(block);
      })().catch(({ code }) => code);
      await until(() => sender.bytesSent > MIB);
      await using receiver = await transport.connect(source.addr);
      await recvExactly(receiver, MIB);
      await Promise.all([sender.close(), receiver.close()]);
      assert([undefined, "EBADF"].includes(await sending));
    }
    await until(() => sink.stats().active + source.stats().active === 0);
    // A send that was cut fails; what arrived whole ended in order.
    const codes = errors.map((error) => Reflect.get(Object(error), "code"));
    for (const code of codes) {
      assert(["EPIPE", "ECONNRESET"].includes(code), code);
    }
    assert(source.stats().bytesSent < 5 * size * MIB);
  },
);
