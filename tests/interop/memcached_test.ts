// A client of memcached: lines, and bytes behind their length.
import { it } from "node:test";
import { connect } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { startPeer, unprivileged, withPrograms } from "../support/peers.ts";

it("memcached keeps values", withPrograms("memcached"), async () => {
  await using memcached = await startPeer((port) =>
    unprivileged(["memcached", "-l", "127.0.0.1", "-p", `${port}`, "-U", "0"])
  );
  await using conn = await connect({ port: memcached.port });
  const line = async () => text(await conn.recvUntil("\r\n")).slice(0, -2);
  const values = [0, 1, 100_000, 900_000].map((length) => pattern(length));
  for (const [i, value] of values.entries()) {
    // `\r\n` in a value ends nothing.
    const parts = [`set key${i} 0 0 ${value.length + 2}\r\n`, "\r\n", value];
    await conn.send([...parts, "\r\n"]);
    assertEquals(await line(), "STORED");
  }
  await conn.send("get key0 key1 none key2 key3\r\n");
  for (const [i, value] of values.entries()) {
    const [, key, , length] = (await line()).split(" ");
    assertEquals(key, `key${i}`);
    const data = await conn.recvExactly(Number(length) + 2);
    assertSameBytes(data!.subarray(2, -2), value);
  }
  assertEquals(await line(), "END");
  await conn.send("quit\r\n");
  assertEquals(await conn.recv(), null);
});
