// A listener behind proxies: which headers it takes, its order and its end.
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  listen,
  serve,
} from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { concat, recvExactly, text } from "../support/bytes.ts";
import { output, python } from "../support/programs.ts";
import { portOf, type Transport } from "../support/transports.ts";
import { bytesOf } from "./headers.ts";
import {
  assertTurnedAway,
  HEADER,
  HEADERS,
  options,
  proxied,
  proxy,
  SOURCE,
  testBehindProxy,
} from "./proxied.ts";

testBehindProxy("a header cut short is none", async (over) => {
  await using listener = await over.listen();
  const accepted = listener.accept();
  for (const header of HEADERS) {
    await Promise.all(Array.from(header, async (_, length) => {
      const part = header.subarray(0, length);
      await using client = await proxy(over, listener, part);
      // Some end in order, some just go.
      if (length % 2) return;
      await client.closeWrite();
      await assertTurnedAway(client);
    }));
  }
  await using _honest = await proxy(over, listener, HEADER);
  await using conn = await accepted;
  assertEquals(conn.remoteAddr, SOURCE);
});

testBehindProxy(
  "silent proxies delay no other, and accepts keep order",
  async (over) => {
    await using listener = await over.listen();
    const order: number[] = [];
    const accepts = [0, 1, 2].map((i) =>
      listener.accept().then((conn) => {
        order.push(i);
        return conn;
      })
    );
    for (const accepted of accepts) {
      await using _silent = await proxy(over, listener);
      await using _halfway = await proxy(over, listener, HEADER.slice(0, 9));
      await using _honest = await proxy(over, listener, HEADER);
      await using conn = await accepted;
      assertEquals(conn.remoteAddr, SOURCE);
    }
    assertEquals(order, [0, 1, 2]);
  },
);

testBehindProxy(
  "512 silent ones are too many: the oldest goes",
  async (over) => {
    await using listener = await over.listen();
    const accepted = listener.accept();
    const silent: Connection[] = [];
    for (let i = 0; i < 511; i++) silent.push(await proxy(over, listener));
    await using _honest = await proxy(over, listener, HEADER);
    await using conn = await accepted;
    assertEquals(conn.remoteAddr, SOURCE);
    await assertTurnedAway(silent[0]);
    // The second still has time.
    await silent[1].send(HEADER);
    await using second = await listener.accept();
    assertEquals(second.remoteAddr, SOURCE);
    for (const client of silent) await client.close();
  },
);

/** Returns when a proxy was cut that started its header and sent no more. */
async function overslept(over: Transport): Promise<number> {
  await using listener = await over.listen();
  const accepted = listener.accept();
  const started = performance.now();
  await using slow = await proxy(over, listener, HEADER.subarray(0, 10));
  await assertTurnedAway(slow);
  const seconds = (performance.now() - started) / 1000;
  await using _honest = await proxy(over, listener, HEADER);
  await using conn = await accepted;
  assertEquals(conn.remoteAddr, SOURCE);
  return seconds;
}

// It takes so long that it starts before the other tests.
const oversleeping = Promise.all(proxied.map(overslept));
// The test that awaits it reports it.
oversleeping.catch(() => {});

testBehindProxy("an aborted accept loses no connection", async (over) => {
  await using listener = await over.listen();
  for (const first of [HEADER.length, 5]) {
    const controller = new AbortController();
    const reason = new Error("Enough");
    const aborted = listener.accept({ signal: controller.signal })
      .catch((error) => error);
    await using client = await proxy(over, listener, HEADER.slice(0, first));
    controller.abort(reason);
    // Whether the header was faster than the abort or not.
    const won = await aborted;
    await client.send(concat([HEADER.subarray(first), bytesOf("here")]));
    await using conn = won === reason ? await listener.accept() : won;
    assertEquals(conn.remoteAddr, SOURCE);
    assertEquals(text(await recvExactly(conn, 4)), "here");
  }
});

testBehindProxy(
  "connections wait to be accepted with what was sent",
  async (over) => {
    await using listener = await over.listen();
    const clients: Connection[] = [];
    for (let i = 0; i < 20; i++) {
      const says = concat([HEADERS[i % 2], bytesOf(`I am ${i}`)]);
      clients.push(await proxy(over, listener, says));
    }
    const said = new Set<string>();
    for (const client of clients) {
      await using conn = await listener.accept();
      await client.closeWrite();
      said.add(text(await conn.recv()));
    }
    assertEquals(said, new Set(clients.map((_, i) => `I am ${i}`)));
    for (const client of clients) await client.close();
  },
);

testBehindProxy(
  "close is EBADF, ends what is under way, spares others",
  async (over) => {
    for (let i = 0; i < 5; i++) {
      const listener = await over.listen();
      const first = listener.accept();
      await using served = await proxy(over, listener, HEADER);
      await using conn = await first;
      const stop = new AbortController();
      const pending = [
        listener.accept({ signal: stop.signal }),
        listener.accept(),
        listener.accept(),
      ].map((accept) => accept.catch(({ code, name }) => code ?? name));
      await using silent = await proxy(over, listener);
      await using halfway = await proxy(over, listener, HEADER.subarray(0, 20));
      if (i % 2) stop.abort();
      await using queued = await proxy(over, listener);
      await listener.close();
      await listener.close();
      for (const client of [silent, halfway, queued]) {
        await assertTurnedAway(client);
      }
      const codes = await Promise.all(pending);
      assertEquals(codes.slice(1), ["EBADF", "EBADF"]);
      await assertRejectsWith("EBADF", () => listener.accept());
      await using again = await over.listen(listener.addr);
      assertEquals(again.addr, listener.addr);
      await served.send("alive");
      assertEquals(text(await conn.recv()), "alive");
    }
  },
);

testBehindProxy(
  "close closes what was introduced and not accepted",
  async (over) => {
    const listener = await over.listen();
    const stop = new AbortController();
    const aborted = listener.accept({ signal: stop.signal }).catch(() => {});
    await using client = await proxy(over, listener, HEADER.subarray(0, 1));
    stop.abort();
    await aborted;
    await client.send(HEADER.subarray(1));
    await listener.close();
    await assertTurnedAway(client);
  },
);

testBehindProxy("a for await ends with the listener", async (over) => {
  const listener = await over.listen();
  const hosts: Address[] = [];
  const ended = (async () => {
    for await (const conn of listener) {
      hosts.push(conn.remoteAddr);
      await conn.close();
      if (hosts.length === 3) break;
    }
  })();
  for (let i = 0; i < 3; i++) {
    await using client = await proxy(over, listener, HEADER);
    await assertTurnedAway(client);
  }
  await ended;
  assertEquals(hosts, [SOURCE, SOURCE, SOURCE]);
  await listener.close();
  for await (const _ of listener) throw new Error("It is closed");
});

/** Returns what a peer receives that connects from `from` with a good header. */
async function replyTo(
  from: string,
  trustedProxies: string[],
  hostname = "127.0.0.1",
): Promise<string> {
  const place = { hostname, port: 0, proxyProtocol: { trustedProxies } };
  await using server = await serve(place, async (conn) => {
    await conn.send(`you are ${portOf(conn.remoteAddr)}`);
  });
  const script = `
s = socket.create_connection((args[1], int(args[0])), source_address=(args[2], 0))
try:
    s.sendall(args[3].encode())
    print(b"".join(iter(lambda: s.recv(100), b"")).decode())
except OSError as error:
    print()
`;
  const to = from.includes(":") ? "::1" : "127.0.0.1";
  const args = [portOf(server.addr), to, from, text(HEADER)];
  const said = (await output(python(script, ...args))).trim();
  assertEquals(server.stats().accepted, said === "" ? 0 : 1);
  return said;
}

describe("a trusted proxy", () => {
  const answered = "you are 51000";

  it("is served, and no other", options, async () => {
    assertEquals(await replyTo("127.0.0.2", ["127.0.0.2"]), answered);
    assertEquals(await replyTo("127.0.0.3", ["127.0.0.2"]), "");
    assertEquals(await replyTo("127.0.0.3", ["10.1.1.1", "::/0"]), "");
    assertEquals(await replyTo("127.9.0.3", ["::1", "127.8.0.0/15"]), answered);
    assertEquals(await replyTo("127.10.0.3", ["127.8.0.0/15"]), "");
  });

  it("is so by IPv6", options, async () => {
    assertEquals(await replyTo("::1", ["::1"], "::1"), answered);
    assertEquals(await replyTo("::1", ["::/64"], "::1"), answered);
    assertEquals(await replyTo("::1", ["127.0.0.1", "::2"], "::1"), "");
    assertEquals(await replyTo("::1", ["0.0.0.0/0"], "::1"), "");
  });

  it("is so by IPv4 on a socket for both", options, async () => {
    assertEquals(await replyTo("127.0.0.2", ["127.0.0.2"], "::"), answered);
    assertEquals(await replyTo("127.0.0.2", ["127.0.0.0/8"], "::"), answered);
    assertEquals(
      await replyTo("127.0.0.2", ["::ffff:127.0.0.2"], "::"),
      answered,
    );
    assertEquals(await replyTo("127.0.0.2", ["127.0.0.1"], "::"), "");
    assertEquals(await replyTo("127.0.0.2", ["::/0"], "::"), "");
    assertEquals(await replyTo("::1", ["127.0.0.0/8"], "::"), "");
  });

  it("is closed at once, without a word", options, async () => {
    const proxyProtocol = { trustedProxies: ["192.0.2.1"] };
    await using listener = await listen({ port: 0, proxyProtocol });
    const accepted = listener.accept().catch(({ code }) => code);
    await using silent = await connect({ port: listener.addr.port });
    await assertTurnedAway(silent);
    await listener.close();
    assertEquals(await accepted, "EBADF");
  });
});

it("a header has 10 seconds", options, async () => {
  for (const seconds of await oversleeping) {
    assert(seconds > 9.5, `Cut after ${seconds} s`);
  }
});

it(
  "its queue holds no more than the backlog",
  { timeout: 30_000 },
  async () => {
    const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
    await using listener = await listen({ port: 0, backlog: 2, proxyProtocol });
    const first = listener.accept();
    const { port } = listener.addr;
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await connect({ port }));
    // Only now do they send their headers, all at once.
    const ends = clients.map(async (client) => {
      await client.send("PROXY UNKNOWN\r\n");
      return await client.recv().catch(() => null);
    });
    const served = [await first];
    await Promise.race(ends);
    const signal = AbortSignal.timeout(1000);
    for (;;) {
      const next = await listener.accept({ signal }).catch(() => null);
      if (next === null) break;
      served.push(next);
    }
    // One was waited for, two queued, and one met ahead of each `accept`.
    assert(served.length < 20, `${served.length}`);
    for (const conn of [...served, ...clients]) await conn.close();
  },
);
