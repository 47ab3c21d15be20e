// What `readable` and `writable` promise.
import { testContract } from "../support/adapters.ts";
import {
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { pair } from "../support/transports.ts";

testContract(
  "readable and writable carry the same bytes",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const data = pattern(5_000_000);
    const echoed = server.readable.pipeTo(server.writable);
    const sent = new Blob([data]).stream().pipeTo(client.writable);
    const got = new Uint8Array(
      await new Response(client.readable).arrayBuffer(),
    );
    assertSameBytes(got, data);
    await Promise.all([echoed, sent]);
  },
);

testContract("readable reads when asked, not ahead", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const reader = server.readable.getReader();
  await client.send("one");
  reader.releaseLock();
  // No read is pending, so `recv` may receive.
  assertEquals(text(await server.recv()), "one");
});

testContract("cancelling readable leaves sending alone", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const reader = server.readable.getReader();
  const reading = reader.read();
  await reader.cancel("not interested");
  assertEquals((await reading).done, true);
  await server.send("bye");
  await server.closeWrite();
  assertEquals(text(await recvAll(client)), "bye");
});

testContract("aborting writable closes the connection", async (over) => {
  await using ends = await pair(over);
  await ends.client.writable.abort("enough");
  await assertRejectsWith("EBADF", () => ends.client.recv());
});
