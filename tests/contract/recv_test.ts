// What `recv` promises.
import process from "node:process";
import type { Connection } from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import {
  concat,
  pattern,
  recvAll,
  recvExactly,
  text,
} from "../support/bytes.ts";
import { type Pair, pair } from "../support/transports.ts";
import { stalled } from "../support/wait.ts";

testContract(
  "recv returns bytes as they come, then null for ever",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    await client.send("hello");
    assertEquals(text(await server.recv()), "hello");
    await client.closeWrite();
    assertEquals(await server.recv(), null);
    assertEquals(await server.recv(), null);
  },
);

testContract(
  "recv returns at most maxBytes and keeps the rest",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    await client.send("hello world");
    await client.closeWrite();
    assertEquals(text(await recvExactly(server, 11)), "hello world");
    await using again = await pair(over);
    await again.client.send("abcdef");
    await again.client.closeWrite();
    const one = await again.server.recv(1);
    assertEquals(text(one), "a");
    assertEquals(text(await recvAll(again.server)), "bcdef");
  },
);

testContract(
  "recv returns 65536 bytes at most unless asked",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const sent = client.send(pattern(4_000_000)).then(() =>
      client.closeWrite()
    );
    let total = 0;
    for (let data; (data = await server.recv()) !== null;) {
      assert(data.length > 0 && data.length <= 65536, `${data.length} bytes`);
      total += data.length;
    }
    assertEquals(total, 4_000_000);
    await sent;
  },
);

testContract(
  "what recv returned is the caller's to keep and change",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const data = pattern(300_000);
    const sent = client.send(data).then(() => client.closeWrite());
    const kept: Uint8Array[] = [];
    for (let chunk; (chunk = await server.recv(1000)) !== null;) {
      kept.push(chunk.slice());
      // Neither writing over it nor giving its buffer away hurts what follows.
      chunk.fill(0);
      chunk.buffer.transfer();
    }
    await sent;
    assertSameBytes(concat(kept), data);
  },
);

testContract(
  "recv refuses a maxBytes that is no positive integer",
  async (over) => {
    await using ends = await pair(over);
    for (const maxBytes of [0, -1, 1.5, NaN]) {
      await assertRejects(() => ends.client.recv(maxBytes), RangeError);
    }
  },
);

testContract("wrong arguments reject, they do not throw", async (over) => {
  await using ends = await pair(over);
  const signal = {} as AbortSignal;
  const { client, server, listener } = ends;
  for (
    const call of [
      () => client.recv(10, { signal }),
      () => client.pipeTo(client, { signal }),
      () => client.pipeTo(undefined as unknown as Connection),
      () => listener.accept({ signal }),
    ]
  ) {
    const promise = call();
    await assertRejects(() => promise, TypeError);
  }
  // Nothing is left waiting.
  await server.send("x");
  assertEquals(text(await client.recv()), "x");
});

testContract("a second recv at a time is EBUSY", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const first = server.recv();
  await assertRejectsWith("EBUSY", () => server.recv());
  await client.send("x");
  assertEquals(text(await first), "x");
});

testContract(
  "an aborted recv rejects with the signal's reason",
  async (over) => {
    await using ends = await pair(over);
    const { server } = ends;
    const reason = new Error("Enough");
    const controller = new AbortController();
    const waiting = server.recv(10, { signal: controller.signal });
    controller.abort(reason);
    assertEquals(await waiting.catch((error) => error), reason);
    const late = server.recv(10, { signal: AbortSignal.abort(reason) });
    assertEquals(await late.catch((error) => error), reason);
  },
);

testContract("an aborted recv loses no byte", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const data = pattern(200_000);
  const sent = (async () => {
    for (let i = 0; i < data.length; i += 1000) {
      await client.send(data.slice(i, i + 1000));
    }
    await client.closeWrite();
  })();
  const got = new Uint8Array(data.length);
  let length = 0;
  for (let turn = 0;; turn++) {
    const controller = new AbortController();
    const waiting = server.recv(777, { signal: controller.signal });
    // Every other one is aborted at once, whether bytes are there or not.
    if (turn % 2 === 0) controller.abort(new Error("Not now"));
    const chunk = await waiting.catch(() => undefined);
    if (chunk === null) break;
    if (chunk === undefined) continue;
    got.set(chunk, length);
    length += chunk.length;
  }
  await sent;
  assertSameBytes(got.subarray(0, length), data);
});

testContract(
  "an abort after the bytes came changes nothing",
  async (over) => {
    await using ends = await pair(over);
    const controller = new AbortController();
    await ends.client.send("kept");
    const data = await ends.server.recv(10, { signal: controller.signal });
    controller.abort();
    assertEquals(text(data), "kept");
    await ends.client.send("next");
    assertEquals(text(await ends.server.recv()), "next");
  },
);

testContract("bytes that came before recv wait for it", async (over) => {
  await using listener = await over.listen();
  await using client = await over.connect(listener.addr);
  await client.send("early");
  await client.closeWrite();
  await using server = await listener.accept();
  assertEquals(text(await recvAll(server)), "early");
});

testContract("small receives take no large buffers", async (over) => {
  const external = () => process.memoryUsage().external;
  const pairs: Pair[] = [];
  await using _closed = {
    async [Symbol.asyncDispose]() {
      for (const both of pairs) await both[Symbol.asyncDispose]();
    },
  };
  for (let i = 0; i < 100; i++) pairs.push(await pair(over));
  const before = external();
  for (const { client, server } of pairs) {
    await client.send(pattern(64));
    for (let i = 0; i < 64; i++) {
      assertEquals((await server.recv(1))?.length, 1);
    }
  }
  const grown = external() - before;
  assert(grown < 4 * 1024 * 1024, `${grown} bytes for 6,400`);
});

testContract("up to 1 KiB that came comes in one piece", async (over) => {
  for (const length of [1000, 1024]) {
    await using ends = await pair(over);
    const receiving = ends.server.recv();
    await ends.client.send(pattern(length));
    assertEquals((await receiving)?.length, length);
    await ends.client.send(pattern(length));
    assertEquals((await ends.server.recv(1024))?.length, length);
  }
});

testContract("a peer is held back while nothing receives", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  // More than the kernel's buffers hold on any transport.
  const data = pattern(48 << 20);
  let done = false;
  const sent = client.send(data).then(() => done = true);
  await stalled(() => client.bytesSent);
  assert(!done && client.bytesSent < 32 << 20, `${client.bytesSent} went`);
  assertEquals(server.bytesReceived, 0);
  assertSameBytes(await recvExactly(server, data.length), data);
  await sent;
});

testContract("counters show what was received and sent", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send(new Uint8Array(1000));
  await client.send("é");
  assertEquals(client.bytesSent, 1002);
  await recvExactly(server, 1002);
  assertEquals(server.bytesReceived, 1002);
  assertEquals([client.bytesReceived, server.bytesSent], [0, 0]);
});

testContract(
  "a late abort takes nothing from the next recv",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const stop = new AbortController();
    await client.send("first");
    const first = server.recv(5, { signal: stop.signal });
    const second = first.then(() => {
      const next = server.recv(6);
      stop.abort();
      return next;
    });
    assertEquals(text(await first), "first");
    await client.send("second");
    assertEquals(text(await second), "second");
  },
);
