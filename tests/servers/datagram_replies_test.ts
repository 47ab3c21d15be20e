// Replies to many datagrams at once, which a runtime may send together.
import { Buffer } from "node:buffer";
import { it } from "node:test";
import {
  bind,
  type DatagramReply,
  type DatagramSocket,
  type NetAddress,
  serveDatagrams,
  serveEcho,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { deadPort, perFamily } from "../support/udp.ts";
import { until } from "../support/wait.ts";

/** Datagrams sent before the first reply is awaited. */
const BURST = 40;
const ROUNDS = 25;

/** Sends bursts, and returns the replies to each. */
async function* bursts(
  socket: DatagramSocket,
  to: NetAddress<"udp">,
): AsyncGenerator<[sent: string[], replies: string[]]> {
  for (let round = 0; round < ROUNDS; round++) {
    const sent = Array.from({ length: BURST }, (_, i) => `${round} ${i}`);
    await Promise.all(sent.map((word) => socket.sendTo(word, to)));
    const replies: string[] = [];
    for (let i = 0; i < BURST; i++) {
      replies.push(text((await socket.recvFrom())[0]));
    }
    yield [sent, replies];
  }
}

perFamily("replies to a peer keep their order", async (hostname) => {
  const where = { hostname, port: 0, loopGuard: false } as const;
  await using server = await serveEcho({ transport: "udp", ...where });
  await using socket = await bind({ hostname, port: 0 });
  for await (const [sent, replies] of bursts(socket, server.addr)) {
    assertEquals(replies, sent);
  }
  await until(() => server.stats().sent === BURST * ROUNDS);
  const { received, bytesSent, bytesReceived, dropped } = server.stats();
  assertEquals(received, BURST * ROUNDS);
  assertEquals([bytesSent, dropped], [bytesReceived, 0]);
});

/** How a handler may return its bytes, which it changes for the next reply. */
const forms: [string, (bytes: Uint8Array<ArrayBuffer>) => DatagramReply][] = [
  ["an array", (bytes) => bytes],
  // Its `slice` is a view.
  ["a Buffer", ({ buffer, length }) => Buffer.from(buffer, 0, length)],
];
for (const [name, form] of forms) {
  perFamily(`a handler may reuse ${name}`, async (hostname) => {
    const reply = new Uint8Array(8);
    await using server = await serveDatagrams(
      { hostname, port: 0, loopGuard: false },
      (data) => {
        const { written } = new TextEncoder().encodeInto(text(data), reply);
        return form(reply.subarray(0, written));
      },
    );
    await using socket = await bind({ hostname, port: 0 });
    for await (const [sent, replies] of bursts(socket, server.addr)) {
      assertEquals(replies, sent);
    }
  });
}

it("replies that cannot be read cost only themselves", async () => {
  let errors = 0;
  class Unreadable extends Uint8Array {
    override get length(): number {
      throw new Error("From the reply");
    }
  }
  await using server = await serveDatagrams({
    port: 0,
    loopGuard: false,
    onError: () => void errors++,
  }, (data) => text(data) === "bad" ? new Unreadable(3) : "good");
  await using socket = await bind({ port: 0 });
  // More than the handlers and replies that may be under way at once.
  for (let i = 1; i <= 1100; i++) {
    await socket.sendTo("bad", server.addr);
    if (i % 50 === 0) await until(() => errors === i);
  }
  await socket.sendTo("ok", server.addr);
  assertEquals(text((await socket.recvFrom())[0]), "good");
});

it("a datagram whose array changes in the queue fails", async () => {
  await using socket = await bind({ port: 0 });
  await using peer = await bind({ port: 0 });
  const data = new Uint8Array(100);
  const to = { ...peer.addr, hostname: "localhost" };
  // A name is looked up first, so it waits.
  const sends = [data.slice(), data].map((bytes) => socket.sendTo(bytes, to));
  structuredClone(data, { transfer: [data.buffer] });
  const [first, second] = await Promise.allSettled(sends);
  assertEquals([first.status, second.status], ["fulfilled", "rejected"]);
  assertEquals((await peer.recvFrom())[0].length, 100);
});

perFamily("a handler may change what it sent back", async (hostname) => {
  let last = new Uint8Array(0);
  await using server = await serveDatagrams(
    { hostname, port: 0, loopGuard: false },
    (data) => {
      last.fill(0);
      return last = data;
    },
  );
  await using socket = await bind({ hostname, port: 0 });
  for await (const [sent, replies] of bursts(socket, server.addr)) {
    assertEquals(replies, sent);
  }
});

perFamily("peers that are gone take no reply from others", async (hostname) => {
  const dead = { hostname, port: await deadPort(hostname) };
  await using socket = await bind({ hostname, port: 0 });
  // The kernel reports the refusals to the server's socket.
  await using server = await serveDatagrams(
    { hostname, port: 0, loopGuard: false },
    (data, from) => {
      if (text(data).endsWith("0")) Object.assign(from, dead);
      return data;
    },
  );
  for (let round = 0; round < ROUNDS; round++) {
    const words = Array.from({ length: BURST }, (_, i) => `${round} ${i}`);
    await Promise.all(words.map((word) => socket.sendTo(word, server.addr)));
    for (const word of words.filter((word) => !word.endsWith("0"))) {
      assertEquals(text((await socket.recvFrom())[0]), word);
    }
  }
  await until(() => server.stats().sent === BURST * ROUNDS);
});

perFamily("each reply that fails is reported", async (hostname) => {
  const errors: unknown[] = [];
  await using server = await serveDatagrams({
    hostname,
    port: 0,
    loopGuard: false,
    onError: (error) => void errors.push(error),
  }, (data) => text(data).endsWith("0") ? new Uint8Array(65508) : data);
  await using socket = await bind({ hostname, port: 0 });
  const failing = BURST / 10;
  for (let round = 1; round <= ROUNDS; round++) {
    const words = Array.from({ length: BURST }, (_, i) => `${i}`);
    await Promise.all(words.map((word) => socket.sendTo(word, server.addr)));
    for (const word of words.filter((word) => !word.endsWith("0"))) {
      assertEquals(text((await socket.recvFrom())[0]), word);
    }
    await until(() => errors.length === round * failing);
  }
  assert(
    errors.every((error) => (error as Error).message.includes("EMSGSIZE")),
  );
  assertEquals(server.stats().sent, ROUNDS * (BURST - failing));
});

perFamily("a shutdown within a burst loses no sent reply", async (hostname) => {
  const server = await serveDatagrams({
    hostname,
    port: 0,
    loopGuard: false,
    onError: () => server.shutdown(),
  }, (data) => text(data) === "end" ? new Uint8Array(65508) : data);
  await using socket = await bind({ hostname, port: 0 });
  for await (const _ of bursts(socket, server.addr)) { /* until it is busy */ }
  const words = ["1", "2", "3", "4", "5", "end", "6", "7"];
  await Promise.all(words.map((word) => socket.sendTo(word, server.addr)));
  await server.finished;
  await using _free = await bind({ hostname, port: server.addr.port });
  const { sent } = server.stats();
  for (const word of words.slice(0, sent - BURST * ROUNDS)) {
    assertEquals(text((await socket.recvFrom())[0]), word);
  }
});
