// Servers that a signal to the process stops. SIGINT would end `deno test`: the
// examples are ended by it, in tests/e2e.
import { it } from "node:test";
import process from "node:process";
import {
  connect,
  echo,
  serve,
  serveDatagrams,
  serveUntilSignal,
  SocketError,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  untyped,
} from "../support/assert.ts";
import { refused } from "../support/examples.ts";
import { noSignals } from "../support/platform.ts";
import { exchange } from "../support/servers.ts";
import { portOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const options = { timeout: 30_000, skip: noSignals() };

/** Tests without the runner's own handlers, by which Node ends all tests. */
function testSignal(behaviour: string, test: () => Promise<void>): void {
  it(behaviour, options, async () => {
    const runners = process.listeners("SIGTERM");
    for (const listener of runners) process.off("SIGTERM", listener);
    try {
      await test();
    } finally {
      for (const listener of runners) process.on("SIGTERM", listener);
    }
  });
}

const handled = () =>
  process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");

testSignal("a signal lets clients finish", async () => {
  const before = handled();
  await using server = await serve({ port: 0 }, echo);
  await using client = await connect({ port: server.addr.port });
  await exchange(client, "before");
  const served = serveUntilSignal(server);
  assertEquals(handled(), before + 2);
  process.kill(process.pid, "SIGTERM");
  await refused(server.addr.port);
  await exchange(client, "after");
  await client.closeWrite();
  await served;
  assertEquals(server.stats().active, 0);
  assertEquals(handled(), before);
});

testSignal("a second signal closes the connections", async () => {
  const aborted = Promise.withResolvers<void>();
  await using server = await serve({ port: 0 }, async (conn, { signal }) => {
    signal.addEventListener("abort", () => aborted.resolve());
    await echo(conn);
  });
  await using client = await connect({ port: server.addr.port });
  await exchange(client, "before");
  const served = serveUntilSignal(server);
  process.kill(process.pid, "SIGTERM");
  await aborted.promise;
  await exchange(client, "between");
  const started = performance.now();
  process.kill(process.pid, "SIGTERM");
  assertEquals(await client.recv(), null);
  await served;
  assert(performance.now() - started < 3000, "It waited");
});

testSignal("a signal stops a datagram server", async () => {
  await using server = await serveDatagrams({ port: 0 }, (data) => data);
  const served = serveUntilSignal(server);
  process.kill(process.pid, "SIGTERM");
  await served;
  await server.finished;
});

it("a server that stops by itself ends it", options, async () => {
  const before = handled();
  const controller = new AbortController();
  const { signal } = controller;
  await using server = await serve({ port: 0, signal }, echo);
  let isOver = false;
  const served = serveUntilSignal(server).then(() => isOver = true);
  await using client = await connect({ port: server.addr.port });
  await exchange(client, "still served");
  assert(!isOver);
  await client.close();
  controller.abort();
  await until(() => isOver);
  await served;
  assertEquals(handled(), before);
});

testSignal("a signal before it listens stops it", async () => {
  const before = handled();
  const ready = Promise.withResolvers<void>();
  let port = 0;
  const served = serveUntilSignal(serve({
    port: 0,
    onListen: async (addr) => {
      assertEquals(handled(), before + 2);
      port = portOf(addr);
      await ready.promise;
    },
  }, echo));
  await until(() => port > 0);
  const seen = new Promise((resolve) => process.once("SIGTERM", resolve));
  process.kill(process.pid, "SIGTERM");
  await seen;
  ready.resolve();
  await served;
  await refused(port);
  assertEquals(handled(), before);
});

it("it rejects like the start of the server", options, async () => {
  const before = handled();
  await using taken = await serve({ port: 0 }, echo);
  const { port } = taken.addr;
  const { code } = await assertRejects(
    () => serveUntilSignal(serve({ port }, echo)),
    SocketError,
  );
  assertEquals(code, "EADDRINUSE");
  assertEquals(handled(), before);
});

it("anything but a server is a TypeError", options, async () => {
  const before = handled();
  for (const wrong of [undefined, {}, Promise.resolve(7)]) {
    const { message } = await assertRejects(
      () => serveUntilSignal(untyped(wrong)),
      TypeError,
    );
    assert(message.includes("server"), message);
  }
  assertEquals(handled(), before);
});
