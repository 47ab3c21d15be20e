// A client of Redis: lines, and bytes behind their length.
import { describe, it } from "node:test";
import { connect, type Connection } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { startPeer, unprivileged, withPrograms } from "../support/peers.ts";

type Value = string | number | Uint8Array | null;

function startRedis() {
  return startPeer((port, folder) =>
    unprivileged([
      ...["redis-server", "--bind", "127.0.0.1", "--port", `${port}`],
      ...["--dir", folder, "--save", "", "--appendonly", "no"],
    ])
  );
}

/** The parts of a command; a value goes out without a copy. */
function command(...words: (string | Uint8Array)[]): (string | Uint8Array)[] {
  const parts = words.flatMap((word) => {
    const bytes = typeof word === "string"
      ? new TextEncoder().encode(word)
      : word;
    return [`$${bytes.length}\r\n`, bytes, "\r\n"];
  });
  return [`*${words.length}\r\n`, ...parts];
}

async function reply(conn: Connection): Promise<Value> {
  const line = text(await conn.recvUntil("\r\n")).slice(0, -2);
  const rest = line.slice(1);
  switch (line[0]) {
    case "+":
      return rest;
    case ":":
      return Number(rest);
    case "$": {
      if (rest === "-1") return null;
      const value = await conn.recvExactly(Number(rest));
      assertEquals(text(await conn.recvExactly(2)), "\r\n");
      return value;
    }
    default:
      throw new Error(line);
  }
}

describe("Redis", () => {
  it(
    "answers 10,000 pipelined commands",
    withPrograms("redis-server"),
    async () => {
      await using redis = await startRedis();
      await using conn = await connect({ port: redis.port });
      const sends = Array.from(
        { length: 10_000 },
        (_, i) =>
          conn.send(command(...(i % 2 ? ["INCR", "n"] : ["ECHO", `${i}`]))),
      );
      for (let i = 0; i < 10_000; i++) {
        const value = await reply(conn);
        if (i % 2) assertEquals(value, (i + 1) / 2);
        else assert(value instanceof Uint8Array && text(value) === `${i}`);
      }
      await Promise.all(sends);
      await conn.send(command("QUIT"));
      assertEquals(await reply(conn), "OK");
      assertEquals(await conn.recvUntil("\r\n"), null);
    },
  );

  it("keeps a value of 5 MiB", withPrograms("redis-server"), async () => {
    await using redis = await startRedis();
    await using conn = await connect({ port: redis.port });
    const bytes = pattern(5 << 20);
    await conn.send(command("SET", "key", bytes));
    assertEquals(await reply(conn), "OK");
    await conn.send(["GET key\r\n", ...command("GET", "none"), "PING\r\n"]);
    const value = await reply(conn);
    assert(value instanceof Uint8Array);
    assertSameBytes(value, bytes);
    assertEquals(await reply(conn), null);
    assertEquals(await reply(conn), "PONG");
    await conn.send("NO SUCH\r\n");
    const line = text(await conn.recvUntil("\r\n"));
    assert(line.startsWith("-ERR unknown command"), line);
  });
});
