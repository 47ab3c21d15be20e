// What the calls for messages promise: `recvExactly`, `recvUntil`, `lines`, and
// the loop over chunks. They share one queue with `recv` and `pipeTo`.
import { Buffer } from "node:buffer";
import process from "node:process";
import type { Connection } from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  assertSameBytes,
  untyped,
} from "../support/assert.ts";
import { concat, pattern, recvAll, text } from "../support/bytes.ts";
import { pair } from "../support/transports.ts";

/** Sends each part on its own, once the one before has been taken. */
async function sendEach(conn: Connection, parts: string[]): Promise<void> {
  for (const part of parts) await conn.send(part);
}

async function linesFrom(conn: Connection, count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of conn.lines()) {
    lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}

testContract("recvExactly receives that many, not one more", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const early = server.recvExactly(8);
  await sendEach(client, ["ab", "c", "defghij"]);
  assertEquals(text(await early), "abcdefgh");
  assertEquals((await server.recvExactly(0))?.length, 0);
  assertEquals(text(await server.recvExactly(1)), "i");
  assertEquals(server.bytesReceived, 9);
  await client.closeWrite();
  assertEquals(text(await server.recvExactly(1)), "j");
  assertEquals(await server.recvExactly(1), null);
  assertEquals(await server.recvExactly(5), null);
  assertEquals(await server.recv(), null);
});

testContract("recvExactly receives what is large", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const data = pattern(5_000_000);
  const sent = client.send(data);
  const head = await server.recvExactly(3);
  const body = await server.recvExactly(data.length - 4);
  const last = await server.recvExactly(1);
  assert(head !== null && body !== null && last !== null);
  assertSameBytes(concat([head, body, last]), data);
  await sent;
});

testContract("an end in the middle is EOF, and takes nothing", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send("half");
  const waiting = server.recvExactly(5);
  await client.closeWrite();
  await assertRejectsWith("EOF", () => waiting);
  await assertRejectsWith("EOF", () => server.recvExactly(5));
  await assertRejectsWith("EOF", () => server.recvUntil("\n"));
  assertEquals(server.bytesReceived, 0);
  assertEquals(text(await server.recvExactly(2)), "ha");
  assertEquals(text(await server.recv()), "lf");
  assertEquals(await server.recvUntil("\n"), null);
});

testContract("recvUntil receives up to the delimiter", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send("one\ntwo\r\n\r\nthree");
  assertEquals(text(await server.recvUntil("\n")), "one\n");
  assertEquals(text(await server.recvUntil("\r\n\r\n")), "two\r\n\r\n");
  const bytes = new Uint8Array([0, 255]);
  const waiting = server.recvUntil(bytes);
  bytes.fill(1); // it is the caller's
  await client.send(new Uint8Array([0, 0, 254, 0, 255, 7]));
  const found = await waiting;
  assertEquals([...found!.subarray(5)], [0, 0, 254, 0, 255]);
  assertEquals([...(await server.recv())!], [7]);
});

testContract("recvUntil finds a delimiter in pieces", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  for (const delimiter of ["\n", "\r\n", "aab", "abab", "abcabd", "é€"]) {
    const message = `aaababacabcabcaé${delimiter}`;
    const waiting = server.recvUntil(delimiter);
    for (const byte of new TextEncoder().encode(message)) {
      await client.send(new Uint8Array([byte]));
    }
    await client.send("x");
    const end = Buffer.from(message).indexOf(delimiter) +
      Buffer.byteLength(delimiter);
    const found = await waiting;
    assertEquals(found?.length, end);
    const rest = Buffer.byteLength(message) - end + 1;
    assertEquals((await server.recvExactly(rest))?.at(-1), 120);
  }
});

testContract("recvUntil finds what an ordinary search finds", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  // Of two letters, so that the start of a delimiter is nearly everywhere.
  const data = pattern(20_000).map((byte) => 97 + (byte & 1));
  const sent = client.send(data).then(() => client.closeWrite());
  const all = Buffer.from(data);
  for (let at = 0, i = 0;; i++) {
    const length = 1 + i % 13;
    const from = (i * 37) % (data.length - length);
    const delimiter = data.slice(from, from + length);
    const place = all.indexOf(delimiter, at);
    if (place === -1) break;
    const found = await server.recvUntil(delimiter);
    assertSameBytes(found!, data.subarray(at, place + length));
    at = place + length;
  }
  await recvAll(server);
  await sent;
});

testContract(
  "beyond maxBytes it is EMSGSIZE, and takes nothing",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    await client.send("12345\n");
    const within = (maxBytes: number) => server.recvUntil("\n", { maxBytes });
    await assertRejectsWith("EMSGSIZE", () => within(5));
    await assertRejectsWith("EMSGSIZE", () => within(1));
    const line = server.lines({ maxBytes: 5 });
    await assertRejectsWith("EMSGSIZE", () => line.next());
    assertEquals(text(await within(6)), "12345\n");
    const waiting = within(4);
    await client.send("1234");
    await assertRejectsWith("EMSGSIZE", () => waiting);
    assertEquals(text(await server.recv()), "1234");
    // By default 65536.
    const sent = client.send(pattern(80_000).fill(97));
    await assertRejectsWith("EMSGSIZE", () => server.recvUntil("\n"));
    assertEquals((await server.recvExactly(80_000))?.length, 80_000);
    await sent;
  },
);

testContract("what is aborted takes nothing", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send("ab");
  const reason = new Error("enough");
  for (
    const call of [
      (signal: AbortSignal) => server.recvExactly(3, { signal }),
      (signal: AbortSignal) => server.recvUntil("c", { signal }),
      (signal: AbortSignal) => server.lines({ signal }).next(),
    ]
  ) {
    const controller = new AbortController();
    const waiting = call(controller.signal);
    const rejected = assertRejects(() => waiting, Error);
    await assertRejectsWith("EBUSY", () => server.recvExactly(1));
    controller.abort(reason);
    assertEquals(await rejected, reason);
  }
  await client.send("c");
  assertEquals(text(await server.recvUntil("c")), "abc");
});

testContract("lines come without their ends", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const words = "one\ntwo\r\n\n\r\n\rthree\r\r\n\ufefffo\u{1f600}r\nlast\r";
  const sent = (async () => {
    for (const byte of new TextEncoder().encode(words)) {
      await client.send(new Uint8Array([byte]));
    }
    await client.closeWrite();
  })();
  const lines: string[] = [];
  for await (const line of server.lines()) lines.push(line);
  assertEquals(
    lines,
    ["one", "two", "", "", "\rthree\r", "\ufefffo\u{1f600}r", "last\r"],
  );
  await sent;
});

testContract(
  "many lines in one piece take time in proportion",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const count = 200_000;
    const line = "0123456789\n";
    const sent = client.send(line.repeat(count)).then(() =>
      client.closeWrite()
    );
    let lines = 0;
    const before = process.cpuUsage();
    for (let data; (data = await server.recvUntil("\n")) !== null; lines++) {
      assert(data.length === line.length);
    }
    assertEquals(lines, count);
    // What copies the rest for each line takes minutes.
    const { user, system } = process.cpuUsage(before);
    assert(user + system < 20e6, `${user + system} µs`);
    await sent;
  },
);

testContract(
  "what comes byte by byte takes time in proportion",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    // A search from the start for each byte would look at 450 million.
    const length = 30_000;
    const waiting = server.recvUntil("\n");
    const before = process.cpuUsage();
    for (let i = 0; i < length; i++) await client.send(i % 2 ? "a" : "b");
    await client.send("\n");
    assertEquals((await waiting)?.length, length + 1);
    const { user, system } = process.cpuUsage(before);
    assert(user + system < 20e6, `${user + system} µs`);
  },
);

testContract("each call goes on at the next byte", async (over) => {
  await using ends = await pair(over);
  await using other = await pair(over);
  const { client, server } = ends;
  await client.send("EHLO me\r\nDATA 5\r\nhellomore\nand\nthe rest");
  await client.closeWrite();
  assertEquals(await linesFrom(server, 2), ["EHLO me", "DATA 5"]);
  assertEquals(text(await server.recvExactly(5)), "hello");
  assertEquals(text(await server.recv(2)), "mo");
  assertEquals(text(await server.recvUntil("\n")), "re\n");
  const reader = server.readable.getReader();
  assertEquals(text((await reader.read()).value!).slice(0, 3), "and");
  await reader.cancel();
  await client.closeWrite();
  await server.pipeTo(other.client);
  assertEquals(await other.server.recv(), null);
});

testContract("pipeTo passes on what is left of a message", async (over) => {
  await using ends = await pair(over);
  await using other = await pair(over);
  const { client, server } = ends;
  await client.send("CONNECT\nfirst ");
  assertEquals(await linesFrom(server, 1), ["CONNECT"]);
  const piped = server.pipeTo(other.client);
  await client.send("second");
  await client.closeWrite();
  assertEquals(text(await recvAll(other.server)), "first second");
  await piped;
});

testContract(
  "a loop over chunks may be left, and begun again",
  async (over) => {
    await using ends = await pair(over);
    const { client, server } = ends;
    const data = pattern(300_000);
    const sent = client.send(data).then(() => client.closeWrite());
    const chunks: Uint8Array[] = [];
    for await (const chunk of server) {
      chunks.push(chunk);
      if (chunks.length === 2) break;
    }
    for await (const chunk of server) chunks.push(chunk);
    assertSameBytes(concat(chunks), data);
    await sent;
    await client.send("still open").catch(({ code }) =>
      assertEquals(code, "EPIPE")
    );
  },
);

testContract("a reset rejects what waits for a message", async (over) => {
  for (
    const call of [
      (conn: Connection) => conn.recvExactly(5),
      (conn: Connection) => conn.recvUntil("\n"),
      (conn: Connection) => conn.lines().next(),
    ]
  ) {
    await using ends = await pair(over);
    const waiting = assertRejectsWith("EBADF", () => call(ends.server));
    await ends.server.close();
    await waiting;
    await assertRejectsWith("EBADF", () => call(ends.server));
  }
});

testContract("wrong arguments are refused", async (over) => {
  await using ends = await pair(over);
  const { server } = ends;
  for (const length of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    await assertRejects(() => server.recvExactly(length), RangeError);
  }
  await assertRejects(() => server.recvUntil(""), RangeError);
  await assertRejects(() => server.recvUntil(new Uint8Array()), RangeError);
  await assertRejects(
    () => server.recvUntil("\n", { maxBytes: 0 }),
    RangeError,
  );
  // @ts-expect-error: not a number
  await assertRejects(() => server.recvExactly("5"), TypeError);
  for (const delimiter of [10, ["a", "b"], null].map(untyped<string>)) {
    const call = () => server.recvUntil(delimiter);
    const error = await assertRejects(call, TypeError);
    assert(error.message.startsWith("Invalid delimiter"), error.message);
  }
});

testContract("an array of parts is sent as one", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const big = pattern(1_000_000);
  const sends = [
    client.send(["a", new Uint8Array([98]), "", "ç"]),
    client.send([big, "end", big]),
    client.send([]),
    client.send("last"),
  ];
  assertEquals(text(await server.recvExactly(4)), "abç");
  const all = await server.recvExactly(2 * big.length + 3);
  const end = new TextEncoder().encode("end");
  assertSameBytes(all!, concat([big, end, big]));
  assertEquals(text(await server.recvExactly(4)), "last");
  await Promise.all(sends);
  const spent = new Uint8Array(3);
  structuredClone(spent, { transfer: [spent.buffer] });
  // deno-lint-ignore no-sparse-arrays
  const wrong = [["a", 5], [, "a"], [["a"]], ["a", spent], spent];
  for (const data of wrong.map(untyped<string>)) {
    const error = await assertRejects(() => client.send(data), TypeError);
    assert(error.message.startsWith("Cannot send"), error.message);
  }
});
