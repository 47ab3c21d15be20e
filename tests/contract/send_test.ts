// What `send`, `closeWrite` and `close` promise.
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
import { pair, type Transport } from "../support/transports.ts";
import { until } from "../support/wait.ts";

/** More than the kernel's buffers take while the peer does not read. */
const TOO_MUCH = 32 << 20;

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

testContract(
  "closeWrite ends this side after the queued sends",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const sent = [client.send(pattern(TOO_MUCH)), client.closeWrite()];
    sent.push(client.closeWrite());
    assertEquals((await recvAll(server)).length, TOO_MUCH);
    await Promise.all(sent);
    await server.send("still here");
    await server.closeWrite();
    assertEquals(text(await recvAll(client)), "still here");
  },
);

testContract("send after closeWrite is EPIPE", async (over) => {
  await using ends = await pair(over);
  await ends.client.closeWrite();
  await assertRejectsWith("EPIPE", () => ends.client.send("late"));
  assertEquals(await ends.server.recv(), null);
});

async function sendToEnded(over: Transport): Promise<void> {
  await using ends = await pair(over);
  const { client, server } = ends;
  const data = pattern(8 << 20);
  await client.closeWrite();
  assertEquals(await server.recv(), null);
  const sent = server.send(data).then(() => server.closeWrite());
  const [received] = await Promise.all([recvAll(client), sent]);
  assertSameBytes(received, data);
}

/** On Deno a write of `node:net` that waits fails once the peer has ended. */
const failsAfterEnd = ({ title }: Transport) =>
  "Deno" in globalThis && title === "node:net TCP/IPv4";

testContract(
  "a peer that ended can still be sent everything",
  async (over) => {
    if (!failsAfterEnd(over)) return await sendToEnded(over);
    console.log("node:net on Deno cannot, and this fails once it can");
    await assertRejectsWith("EPIPE", () => sendToEnded(over));
  },
);

testContract("close rejects what waits with EBADF", async (over) => {
  await using ends = await pair(over);
  const { client } = ends;
  const calls = [
    client.recv(),
    client.send(pattern(TOO_MUCH)),
    client.send("queued"),
    client.closeWrite(),
  ];
  const codes = Promise.all(
    calls.map((call) => call.catch(({ code }) => code)),
  );
  await client.close();
  assertEquals(await codes, ["EBADF", "EBADF", "EBADF", "EBADF"]);
});

testContract(
  "calls after close reject with EBADF, close does not",
  async (over) => {
    await using ends = await pair(over);
    const { client } = ends;
    await client.close();
    await client.close();
    await assertRejectsWith("EBADF", () => client.recv());
    await assertRejectsWith("EBADF", () => client.send("x"));
    await assertRejectsWith("EBADF", () => client.closeWrite());
    await assertRejectsWith("EBADF", () => client.pipeTo(client));
  },
);

testContract(
  "what send resolved for arrives after close",
  async (over) => {
    await using ends = await pair(over);
    const data = pattern(100_000);
    await ends.client.send(data);
    await ends.client.close();
    assertSameBytes(await recvAll(ends.server), data);
  },
);

testContract("close during a send frees the socket", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const sent = client.send(pattern(TOO_MUCH)).catch(({ code }) => code);
  await until(() => client.bytesSent > 0);
  await client.close();
  assertEquals(await sent, "EBADF");
  // The peer sees the end, or the cut, of what did arrive.
  const got = await recvAll(server).catch(() => undefined);
  assert(got === undefined || got.length < TOO_MUCH);
});

testContract(
  "a closed connection keeps its addresses and counts",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const { localAddr, remoteAddr } = client;
    await client.send("12345");
    await recvExactly(server, 5);
    await client.close();
    assertEquals([client.localAddr, client.remoteAddr], [
      localAddr,
      remoteAddr,
    ]);
    assertEquals([client.bytesSent, client.bytesReceived], [5, 0]);
  },
);

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
