// What `send` promises.
import process from "node:process";
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
  TOO_MUCH,
} from "../support/bytes.ts";
import { pair } from "../support/transports.ts";
import { stalled } from "../support/wait.ts";

testContract(
  "send sends all of it, as slow as the peer reads",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const data = pattern(TOO_MUCH);
    const sent = client.send(data).then(() => client.closeWrite());
    assertSameBytes(await recvAll(server), data);
    await sent;
  },
);

testContract("send takes text as UTF-8, and nothing", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send("");
  await client.send(new Uint8Array(0));
  await client.send("héllo ☕");
  await client.closeWrite();
  assertEquals(text(await recvAll(server)), "héllo ☕");
});

testContract(
  "send refuses what is neither bytes nor text",
  async (over) => {
    await using ends = await pair(over);
    for (const wrong of [42, null, undefined, [1, 2], new ArrayBuffer(2)]) {
      await assertRejects(
        () => ends.client.send(wrong as unknown as string),
        TypeError,
      );
    }
  },
);

testContract(
  "sends at once keep their order and do not mix",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const parts = Array.from(
      { length: 60 },
      (_, i) => pattern([1, 70_000, 3_000_000][i % 3], i + 1),
    );
    const sent = Promise.all(parts.map((part) => client.send(part)))
      .then(() => client.closeWrite());
    assertSameBytes(await recvAll(server), concat(parts));
    await sent;
  },
);

testContract("send waits while the peer does not read", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  let done = false;
  const sent = client.send(pattern(TOO_MUCH)).then(() => done = true);
  // Bytes of the other direction pass meanwhile.
  await server.send("go on");
  assertEquals(text(await recvExactly(client, 5)), "go on");
  assertEquals(done, false);
  await recvExactly(server, TOO_MUCH);
  await sent;
  assertEquals(client.bytesSent, TOO_MUCH);
});

testContract("sending to a peer that has gone fails", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await server.close();
  let code = "";
  // The first send may only provoke the reset that the next one meets.
  while (code === "") {
    await client.send("hello?").catch((error) => code = error.code);
  }
  assert(["EPIPE", "ECONNRESET"].includes(code), code);
});

testContract("an array that changes while it is sent is EIO", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const [sent, queued] = [pattern(TOO_MUCH), pattern(1000)];
  const sends = [client.send(sent), client.send(queued)]
    .map((send) => send.then(() => "none", ({ code }) => code));
  await stalled(() => client.bytesSent);
  structuredClone(null, { transfer: [sent.buffer, queued.buffer] });
  const receiving = recvAll(server).catch(() => {});
  assertEquals(await Promise.all(sends), ["EIO", "EIO"]);
  assert(client.bytesSent < TOO_MUCH, `${client.bytesSent} bytes`);
  await assertRejectsWith("EIO", () => client.send("more"));
  await client.close();
  await receiving;
});

testContract("sends resolve in their order", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const resolved: number[] = [];
  let length = 0;
  const sends: Promise<void>[] = [];
  for (let i = 0; i < 300; i++) {
    const data = pattern(i % 2 ? 10 : 100_000);
    length += data.length;
    sends.push(client.send(data).then(() => void resolved.push(i)));
  }
  await server.recvExactly(length);
  await Promise.all(sends);
  assertEquals(resolved, Array.from({ length: 300 }, (_, i) => i));
});

testContract("many sends that wait take time in proportion", async (over) => {
  await using ends = await pair(over);
  const { client } = ends;
  const sends = [client.send(pattern(TOO_MUCH))];
  const before = process.cpuUsage();
  for (let i = 0; i < 160_000; i++) sends.push(client.send("0123456789"));
  const settled = Promise.allSettled(sends);
  await client.close();
  assertEquals((await settled).at(-1)?.status, "rejected");
  const { user, system } = process.cpuUsage(before);
  // 60 µs each where it is in proportion to the square, on a fast machine.
  const each = (user + system) / sends.length;
  assert(each < 25, `${each} µs`);
});
