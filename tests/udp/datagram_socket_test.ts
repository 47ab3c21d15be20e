// What UDP sockets promise, over IPv4 and IPv6, on each back end.
import { setImmediate } from "node:timers";
import { bind, type DatagramSocket } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { largestDatagram } from "../support/platform.ts";
import {
  backEnd,
  deadPort,
  perFamily,
  recvText,
  twoSockets,
} from "../support/udp.ts";
import { until } from "../support/wait.ts";

console.log(`UDP by ${backEnd}`);

const LARGEST = largestDatagram();

perFamily("addresses are real, and from is the sender's", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  assertEquals(a.addr.hostname, hostname);
  assertEquals(a.addr.transport, "udp");
  assert(a.addr.port > 0 && a.addr.port !== b.addr.port);
  await a.sendTo("ping", b.addr);
  const [data, from] = await b.recvFrom();
  assertEquals([text(data), from], ["ping", a.addr]);
  await b.sendTo("pong", from);
  assertEquals(await a.recvFrom(), [
    new TextEncoder().encode("pong"),
    b.addr,
  ]);
});

perFamily("a port in use is EADDRINUSE", async (hostname) => {
  await using socket = await bind({ hostname, port: 0 });
  const { port } = socket.addr;
  const error = await assertRejectsWith(
    "EADDRINUSE",
    () => bind({ hostname, port }),
  );
  assert(error.message.includes(`:${port}`), error.message);
});

perFamily("datagrams arrive whole and apart", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  for (const length of [0, 1, LARGEST, 0, 0, 1, 1472, 2, LARGEST, 3]) {
    await a.sendTo(pattern(length, length), b.addr);
    assertSameBytes((await b.recvFrom())[0], pattern(length, length));
  }
  for (const word of ["", "a", "", "bc"]) await a.sendTo(word, b.addr);
  for (const word of ["", "a", "", "bc"]) assertEquals(await recvText(b), word);
  await a.sendTo(pattern(100).subarray(10, 20), b.addr);
  assertSameBytes((await b.recvFrom())[0], pattern(100).slice(10, 20));
});

perFamily("more than 65507 bytes are EMSGSIZE, no more", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  for (const data of [new Uint8Array(65508), "é".repeat(32754)]) {
    await assertRejectsWith("EMSGSIZE", () => a.sendTo(data, b.addr));
    await a.sendTo("alive", b.addr);
    assertEquals(await recvText(b), "alive");
  }
});

perFamily("text is sent as UTF-8", async (hostname) => {
  await using ends = await twoSockets(hostname);
  await ends.a.sendTo("é漢🎉\0\n", ends.b.addr);
  const [data] = await ends.b.recvFrom();
  assertEquals(data, new TextEncoder().encode("é漢🎉\0\n"));
});

perFamily("what was received is the receiver's to keep", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const kept: Uint8Array<ArrayBuffer>[] = [];
  for (let i = 0; i < 20; i++) {
    await a.sendTo(pattern(1000, i + 1), b.addr);
    kept.push((await b.recvFrom())[0]);
    assertEquals(kept[i].buffer.byteLength, 1000);
    if (i > 0) kept[i - 1].fill(i);
  }
  kept.forEach((data, i) =>
    assertSameBytes(
      data,
      i < 19 ? new Uint8Array(1000).fill(i + 1) : pattern(1000, 20),
    )
  );
  assertEquals(Object.getPrototypeOf(kept[0]), Uint8Array.prototype);
});

perFamily("sends keep their order, awaited or not", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const { port } = b.addr;
  // Twice, as a fresh socket is another case on Deno; names take longer.
  for (let round = 0; round < 2; round++) {
    const name = hostname === "::1" ? "0:0::0:1" : "localhost";
    const sends = Array.from({ length: 40 }, (_, i) => {
      const to = { hostname: i % 3 === 0 ? name : hostname, port };
      return a.sendTo(`${i}`, to);
    });
    for (let i = 0; i < 40; i++) assertEquals(await recvText(b), `${i}`);
    await Promise.all(sends);
  }
});

perFamily("a refused send holds up no other", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const nowhere = { hostname: "no-such-host.invalid", port: 1 };
  const settled = Promise.allSettled([
    a.sendTo("1", b.addr),
    a.sendTo("lost", nowhere),
    a.sendTo(new Uint8Array(65508), b.addr),
    a.sendTo("2", b.addr),
  ]);
  assertEquals([await recvText(b), await recvText(b)], ["1", "2"]);
  assertEquals(
    (await settled).map(({ status }) => status),
    ["fulfilled", "rejected", "rejected", "fulfilled"],
  );
});

perFamily("refusals by ICMP harm no call", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const dead = { hostname, port: await deadPort(hostname) };
  const pending = a.recvFrom();
  for (let i = 0; i < 30; i++) {
    await a.sendTo("refused", dead);
    await a.sendTo(`${i}`, b.addr);
    assertEquals(await recvText(b), `${i}`);
  }
  const burst = Array.from({ length: 30 }, (_, i) => [
    a.sendTo("refused", dead),
    a.sendTo(`${i}`, b.addr),
  ]);
  for (let i = 0; i < 30; i++) assertEquals(await recvText(b), `${i}`);
  await Promise.all(burst.flat());
  await b.sendTo("still here?", a.addr);
  assertEquals(text((await pending)[0]), "still here?");
});

perFamily("waiting recvFroms are served in order", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const waiting = [0, 1, 2, 3].map(() => recvText(b));
  for (let i = 0; i < 4; i++) await a.sendTo(`${i}`, b.addr);
  assertEquals(await Promise.all(waiting), ["0", "1", "2", "3"]);
});

perFamily("an aborted recvFrom loses nothing", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("Enough");
  const aborted = b.recvFrom({ signal });
  const next = recvText(b);
  controller.abort(reason);
  assertEquals(await aborted.catch((error) => error), reason);
  await a.sendTo("for the next", b.addr);
  assertEquals(await next, "for the next");
  await a.sendTo("kept", b.addr);
  const late = b.recvFrom({ signal });
  assertEquals(await late.catch((error) => error), reason);
  assertEquals(await recvText(b), "kept");
  // One that was served is not undone by a later abort.
  const after = new AbortController();
  const served = b.recvFrom({ signal: after.signal });
  await a.sendTo("served", b.addr);
  assertEquals(text((await served)[0]), "served");
  after.abort(reason);
});

perFamily("close: EBADF for all calls, the port free", async (hostname) => {
  for (let i = 0; i < 5; i++) {
    const socket = await bind({ hostname, port: 0 });
    const { addr } = socket;
    await socket.sendTo("left unread", addr);
    await socket.recvFrom();
    const waiting = [socket.recvFrom(), socket.recvFrom()]
      .map((call) => call.catch(({ code }) => code));
    await Promise.all([socket.close(), socket.close()]);
    await using again = await bind({ hostname, port: addr.port });
    assertEquals(again.addr, addr);
    await socket.close();
    assertEquals(await Promise.all(waiting), ["EBADF", "EBADF"]);
    await assertRejectsWith("EBADF", () => socket.recvFrom());
    await assertRejectsWith("EBADF", () => socket.sendTo("x", addr));
    assertEquals(socket.addr, addr);
  }
});

perFamily("close settles the sends under way", async (hostname) => {
  const { a, b } = await twoSockets(hostname);
  const settled = Promise.allSettled([
    a.sendTo("1", b.addr),
    a.sendTo("2", b.addr),
    a.sendTo("3", { hostname: "no-such-host.invalid", port: 1 }),
    a.sendTo("4", b.addr),
  ]);
  await a.close();
  const results = await settled;
  for (const [i, result] of results.entries()) {
    // What was said to be sent was.
    if (result.status === "fulfilled") {
      assertEquals(await recvText(b), `${i + 1}`);
    } else assertEquals(result.reason.code, "EBADF");
  }
  assertEquals(results[0].status, "fulfilled");
  await b.close();
});

perFamily("for await yields datagrams until close", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const words: string[] = [];
  const loop = (async () => {
    for await (const [data, from] of b) {
      assertEquals(from, a.addr);
      words.push(text(data));
    }
  })();
  for (const word of ["1", "", "3"]) await a.sendTo(word, b.addr);
  await until(() => words.length === 3);
  await b.close();
  await loop;
  assertEquals(words, ["1", "", "3"]);
});

perFamily("await using closes", async (hostname) => {
  let left: DatagramSocket;
  {
    await using socket = await bind({ hostname, port: 0 });
    left = socket;
  }
  await assertRejectsWith("EBADF", () => left.recvFrom());
});

/** Sends until 50 datagrams were dropped; returns how many were sent. */
async function flood(
  { a, b }: { a: DatagramSocket; b: DatagramSocket },
  data: Uint8Array,
  { each, most }: { each: number; most: number },
): Promise<number> {
  await using pacer = await bind({ hostname: a.addr.hostname, port: 0 });
  let sent = 0;
  while (b.dropped < 50) {
    assert(sent < most, `${sent} sent, ${b.dropped} dropped`);
    await a.sendTo(data, b.addr);
    if (++sent % each !== 0) continue;
    // What was sent is read meanwhile, so that it is our queue that overflows,
    // not the kernel's. On Bun the next send would come before that read.
    await a.sendTo("", pacer.addr);
    await pacer.recvFrom();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return sent;
}

/** Receives what waits; returns how many datagrams that were. */
async function drain(
  { a, b }: { a: DatagramSocket; b: DatagramSocket },
  data: Uint8Array,
): Promise<number> {
  // There is room for the last one once some have been received.
  let received = 0;
  for (; received < 10; received++) {
    assertSameBytes((await b.recvFrom())[0], data);
  }
  await a.sendTo("end", b.addr);
  for (let got; text(got = (await b.recvFrom())[0]) !== "end"; received++) {
    assertSameBytes(got, data);
  }
  return received;
}

perFamily("what waits is bounded in bytes, drops counted", async (hostname) => {
  await using ends = await twoSockets(hostname);
  assertEquals(ends.b.dropped, 0);
  const data = pattern(60_000);
  const sent = await flood(ends, data, { each: 1, most: 1000 });
  const received = await drain(ends, data);
  assertEquals(received + ends.b.dropped, sent);
  assert(received * data.length < 8 * 1024 * 1024, `${received} waited`);
});

perFamily("empty ones that wait are bounded in number", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const data = new Uint8Array(0);
  await flood(ends, data, { each: 32, most: 200_000 });
  const received = await drain(ends, data);
  assert(received > 500 && received < 100_000, `${received} waited`);
});
