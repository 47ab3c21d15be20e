// What `close` promises.
import { testContract } from "../support/adapters.ts";
import {
  assert,
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, recvExactly, TOO_MUCH } from "../support/bytes.ts";
import { pair } from "../support/transports.ts";
import { stalled, until } from "../support/wait.ts";

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

testContract(
  "close while a send waits spares what others resolved for",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    let resolved = 0;
    const sends = Array.from({ length: 100 }, async () => {
      await client.send(pattern(65_536));
      resolved++;
    }).map((sent) => sent.catch(({ code }) => assertEquals(code, "EBADF")));
    await stalled(() => client.bytesSent);
    await client.close();
    await Promise.all(sends);
    assert(resolved > 0 && resolved < 100, `${resolved} sends`);
    // A reset may follow, but only what was not taken may be missing.
    let received = 0;
    try {
      for (let data; (data = await server.recv()) !== null;) {
        received += data.length;
      }
    } catch (error) {
      assertEquals(Reflect.get(Object(error), "code"), "ECONNRESET");
    }
    const lost = resolved * 65_536 - received;
    assert(lost <= 0, `${lost} of ${resolved * 65_536} bytes are lost`);
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
