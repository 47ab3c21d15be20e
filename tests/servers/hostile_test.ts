// Peers that do their worst within the protocol: they never read, never stop,
// never speak, dawdle, or vanish. Memory and descriptors stay bounded.
import { describe, it } from "node:test";
import { echo, serve } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly } from "../support/bytes.ts";
import { hasProc } from "../support/proc.ts";
import { runtimes } from "../support/programs.ts";
import { startVictim, watch } from "../support/server_under_test.ts";
import { exchange } from "../support/servers.ts";
import { testEachTransport, transports } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const options = { timeout: 60_000, skip: hasProc ? false : "No /proc" };
const MIB = 1024 * 1024;
const BOUND = 64 * MIB;
const PEERS = 4;

for (const { name, ...runtime } of runtimes) {
  describe(`the memory of a server on ${name} is bounded`, () => {
    for (const transport of transports) {
      for (const role of ["pour", "deaf"] as const) {
        const peer = role === "pour" ? "never read" : "send 256 MiB unheard";
        it(`by peers that ${peer}, ${transport.name}`, options, async () => {
          await using victim = await startVictim({ name, ...runtime }, {
            role,
            places: [transport.listenOptions()],
          });
          const { addrs: [addr], pid } = victim;
          const before = watch(pid);
          const peers = await Promise.all(
            Array.from(
              { length: PEERS },
              () => transport.connect(addr),
            ),
          );
          const block = pattern(MIB);
          const floods = role === "pour" ? [] : peers.map(async (conn) => {
            for (let i = 0; i < 256 / PEERS; i++) await conn.send(block);
          });
          const refused = Promise.all(
            floods.map((flood) => flood.catch(({ code }) => code)),
          );
          const moved = () => peers.reduce((sum, p) => sum + p.bytesSent, 0);
          await victim.still(moved);
          const grown = before.peak();
          assert(grown < BOUND, `${Math.round(grown / MIB)} MiB more`);
          const [{ active, bytesReceived, bytesSent }] = await victim.stats();
          assertEquals(active, PEERS);
          // What the kernel holds, and no more, has gone.
          assert(bytesSent < 16 * PEERS * MIB, `${bytesSent} went`);
          assertEquals(bytesReceived, 0);
          assert(bytesSent + moved() > 65536, "Nothing was tried");
          for (const conn of peers) await conn.close();
          assertEquals(await refused, floods.map(() => "EBADF"));
          const [{ active: left }] = await victim.end();
          assertEquals(left, 0);
        });
      }
    }
  });
}

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

testEachTransport("200 who never speak hold up nobody", async (transport) => {
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
  await until(() => server.stats().active === COUNT);
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
    // Who was cut while sending knows; what arrived whole ended in peace.
    const codes = errors.map((error) => Reflect.get(Object(error), "code"));
    for (const code of codes) {
      assert(["EPIPE", "ECONNRESET"].includes(code), code);
    }
    assert(source.stats().bytesSent < 5 * size * MIB);
  },
);
