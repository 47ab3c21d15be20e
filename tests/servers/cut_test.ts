// Replies that are cut, or late: which end the peer sees, and what is told.
import { it } from "node:test";
import {
  connect,
  type Connection,
  type ConnectionSummary,
  listen,
  serve,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import { onDeno } from "../support/platform.ts";
import {
  testEachTransport,
  type Transport,
  transports,
} from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MiB = 1024 * 1024;

/** Asserts the end of a cut: a reset where the runtime and transport have it. */
function assertCut({ name }: Transport, end: string): void {
  const known = name === "Unix"
    ? ["an end", "ECONNRESET"]
    : onDeno
    ? ["an end", "ECONNRESET", "EPROTO"]
    : ["ECONNRESET"];
  assert(known.includes(end), end);
}

/** Receives until the end, and returns what kind of end that is. */
async function endOf(conn: Connection): Promise<string> {
  for (;;) {
    try {
      if (await conn.recv() === null) return "an end";
    } catch (error) {
      return error instanceof SocketError ? error.code : String(error);
    }
  }
}

testEachTransport("a handler that throws amid a reply", async (over) => {
  const summaries: ConnectionSummary[] = [];
  const options = {
    ...over.listenOptions(),
    onError() {},
    onDisconnect: (summary: ConnectionSummary) => void summaries.push(summary),
  };
  const reason = new Error("the disk failed");
  await using server = await serve(options, async (conn) => {
    await conn.recv(1);
    await conn.send("half");
    conn.send(pattern(32 * MiB)).catch(() => {});
    throw reason;
  });
  await using client = await over.connect(server.addr);
  await client.send("?");
  assertCut(over, await endOf(client));
  await until(() => summaries.length === 1);
  assertEquals(summaries[0].error, reason);
  assert(client.bytesReceived < 32 * MiB);
});

testEachTransport("a shutdown amid a reply", async (over) => {
  await using server = await serve(
    over.listenOptions(),
    (conn) => conn.send(pattern(32 * MiB)),
  );
  await using client = await over.connect(server.addr);
  await client.recv(1);
  await server.shutdown({ timeout: 0 });
  assertCut(over, await endOf(client));
});

/** Serves a reply that is not awaited to a client, all transports at once. */
function testQueuedReply(
  behaviour: string,
  length: number,
  test: (
    client: Connection,
    ended: Promise<ConnectionSummary>,
    over: Transport,
  ) => Promise<void>,
): void {
  it(behaviour, { timeout: 60_000 }, async () => {
    await Promise.all(transports.map(async (over) => {
      const ended = Promise.withResolvers<ConnectionSummary>();
      const options = { ...over.listenOptions(), onDisconnect: ended.resolve };
      await using server = await serve(options, (conn) => {
        conn.send(pattern(length)).catch(() => {});
      });
      await using client = await over.connect(server.addr);
      await test(client, ended.promise, over);
    }));
  });
}

const SLOW = 24 * MiB;

testQueuedReply(
  "sends that were not awaited reach a slow peer",
  SLOW,
  async (client, ended) => {
    const started = performance.now();
    // Slower than any fixed time for the whole.
    for (let goal = 0; client.bytesReceived < SLOW;) {
      goal = Math.min(goal + 1.5 * MiB, SLOW);
      while (client.bytesReceived < goal) {
        assert(await client.recv() !== null, "cut");
      }
      await new Promise((resolve) => setTimeout(resolve, 450));
    }
    assertEquals(await client.recv(), null);
    assert(performance.now() - started > 7000);
    await client.closeWrite();
    const { error, bytesSent } = await ended;
    assertEquals(error, undefined);
    assertEquals(bytesSent, SLOW);
  },
);

testQueuedReply(
  "sends that a stalled peer does not take are cut",
  32 * MiB,
  async (client, ended, over) => {
    const { error, bytesSent, duration } = await ended;
    assert(error instanceof SocketError, String(error));
    assertEquals(error.code, "ETIMEDOUT");
    assert(bytesSent < 32 * MiB);
    assert(duration > 4900 && duration < 10_000, `${duration} ms`);
    assertCut(over, await endOf(client));
  },
);

/** A relay of each kind that users write. */
async function relay(client: Connection, port: number): Promise<void> {
  const target = await connect({ port });
  try {
    await Promise.all([client.pipeTo(target), target.pipeTo(client)]);
  } catch (error) {
    await target.reset();
    throw error;
  }
}

testEachTransport("a relay passes on a reset of either side", async (over) => {
  for (const side of ["target", "client"]) {
    await using target = await listen({ port: 0 });
    const { port } = target.addr;
    const options = { ...over.listenOptions(), onError() {} };
    await using proxy = await serve(options, (conn) => relay(conn, port));
    await using client = await over.connect(proxy.addr);
    await client.send("request");
    await using server = await target.accept();
    await server.recv();
    await server.send("half");
    await client.recv();
    const [resetting, other] = side === "target"
      ? [server, client]
      : [client, server];
    const end = endOf(other);
    await resetting.reset();
    // Where a reset is a close, it is passed on as an end.
    assertEquals(await end, onDeno ? "an end" : "ECONNRESET");
  }
}, transports.filter(({ name }) => name !== "Unix"));
