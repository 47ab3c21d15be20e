// `pipeTo` at its seams: what was queued before, what an abort leaves.
import { testContract } from "../support/adapters.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly, TOO_MUCH } from "../support/bytes.ts";
import { type Pair, pair } from "../support/transports.ts";
import { stalled } from "../support/wait.ts";

/** Pipes until the destination is full, and aborts that. */
async function pipeToFull(from: Pair, to: Pair): Promise<void> {
  const stop = new AbortController();
  const piped = from.server.pipeTo(to.client, { signal: stop.signal })
    .catch((error) => error);
  await stalled(() => from.server.bytesReceived);
  stop.abort("stop");
  assertEquals(await piped, "stop");
}

testContract(
  "what is queued goes before what comes meanwhile",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const data = pattern(8 << 20);
    // The destination is full, so the queue stays while more comes.
    const filler = to.client.send(pattern(TOO_MUCH));
    const first = from.server.recv(1);
    const sent = from.client.send(data).then(() => from.client.closeWrite());
    assertEquals((await first)?.length, 1);
    const piped = from.server.pipeTo(to.client);
    await stalled(() => from.client.bytesSent);
    const all = await recvAll(to.server);
    assertSameBytes(all.subarray(TOO_MUCH), data.subarray(1));
    await Promise.all([sent, filler, piped]);
  },
);

testContract("pipeTo is through when its destination is", async (over) => {
  await using from = await pair(over);
  await using to = await pair(over);
  const data = pattern(100_000);
  const filler = to.client.send(pattern(TOO_MUCH));
  // Part of it waits in the queue, and the end behind it.
  const first = from.server.recv(1);
  await from.client.send(data);
  await from.client.closeWrite();
  assertEquals((await first)?.length, 1);
  const taken = from.server.pipeTo(to.client, { preventClose: true })
    .then(() => to.client.bytesSent);
  const all = await recvExactly(to.server, TOO_MUCH + data.length - 1);
  assertSameBytes(all.subarray(TOO_MUCH), data.subarray(1));
  assertEquals(await taken, all.length);
  await filler;
});

testContract(
  "an aborted pipeTo to a full destination leaves recv free",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const data = pattern(2 * TOO_MUCH);
    const sent = from.client.send(data).then(() => from.client.closeWrite());
    await pipeToFull(from, to);
    const passed = from.server.bytesReceived;
    // The destination is still full, and its end is not ours.
    const next = from.server.recv(1000);
    assertSameBytes(
      await next ?? new Uint8Array(0),
      data.subarray(passed, from.server.bytesReceived),
    );
    const rest = recvAll(from.server);
    await to.client.close();
    assertEquals(
      (await rest).length,
      data.length - passed - (await next)!.length,
    );
    await sent;
  },
);

testContract(
  "a pipeTo after an aborted one loses and swaps nothing",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    await using other = await pair(over);
    const data = pattern(2 * TOO_MUCH);
    const sent = from.client.send(data).then(() => from.client.closeWrite());
    await pipeToFull(from, to);
    const passed = from.server.bytesReceived;
    const again = from.server.pipeTo(other.client);
    const [start, rest] = await Promise.all([
      recvExactly(to.server, passed),
      recvAll(other.server),
    ]);
    assertSameBytes(start, data.subarray(0, passed));
    assertSameBytes(rest, data.subarray(passed));
    await Promise.all([sent, again]);
  },
);
