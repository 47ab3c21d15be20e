// What the datagram servers promise, and the loop guard.
import process from "node:process";
import { describe, it } from "node:test";
import {
  bind,
  type DatagramHandler,
  type DatagramServer,
  type Greeting,
  type LoopGuardOptions,
  type NetAddress,
  serveDatagrams,
  type ServeDatagramsOptions,
  serveEcho,
  serveGreeting,
  SocketError,
} from "../mod.ts";
import { loopGuard } from "../src/loop_guard.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import {
  assertRejectsWith,
  assertSameBytes,
  output,
  pattern,
  python,
  text,
  until,
} from "./support.ts";

function perFamily(
  behaviour: string,
  test: (hostname: string) => Promise<void>,
): void {
  describe(behaviour, () => {
    it("IPv4", { timeout: 30_000 }, () => test("127.0.0.1"));
    it("IPv6", { timeout: 30_000 }, () => test("::1"));
  });
}

/** What a caller without types may pass. */
function untyped<T>(value: unknown): T {
  return value as T;
}

/** Asks the server from a socket of its own. */
async function ask(
  server: DatagramServer,
  question: Uint8Array | string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { hostname } = server.addr;
  await using socket = await bind({ hostname, port: 0 });
  await socket.sendTo(question, server.addr);
  const [answer, from] = await socket.recvFrom();
  assertEquals(from, server.addr);
  return answer;
}

/** What `console.error` is told meanwhile. */
async function complaints(act: () => Promise<void>): Promise<unknown[]> {
  const told: unknown[] = [];
  const original = console.error;
  console.error = (...args: unknown[]) => told.push(...args);
  try {
    await act();
  } finally {
    console.error = original;
  }
  return told;
}

perFamily("what the handler returns is sent back", async (hostname) => {
  const handlers: [DatagramHandler, string][] = [
    [(data) => data, "hello"],
    [(data) => data.subarray(1, 3), "el"],
    [() => "text, é漢", "text, é漢"],
    [() => "", ""],
    [() => new Uint8Array(0), ""],
    [(data) => Promise.resolve(data), "hello"],
    [async () => await Promise.resolve("later"), "later"],
    [(_, { hostname, port }) => `${hostname} ${port > 0}`, `${hostname} true`],
  ];
  for (const [handler, answer] of handlers) {
    await using server = await serveDatagrams({ hostname, port: 0 }, handler);
    assertEquals(text(await ask(server, "hello")), answer);
  }
});

perFamily("nothing is sent back for nothing", async (hostname) => {
  let heard = 0;
  const quiet: DatagramHandler = (data) => {
    heard++;
    return text(data) === "speak" ? "spoken" : undefined;
  };
  await using server = await serveDatagrams({ hostname, port: 0 }, quiet);
  await using socket = await bind({ hostname, port: 0 });
  for (const word of ["hush", "", "speak"]) {
    await socket.sendTo(word, server.addr);
  }
  assertEquals(text((await socket.recvFrom())[0]), "spoken");
  assertEquals(heard, 3);
  await until(() => server.stats().sent === 1);
  assertEquals(server.stats(), {
    received: 3,
    sent: 1,
    withheld: 0,
    dropped: 0,
    bytesReceived: 9,
    bytesSent: 6,
  });
});

perFamily("a slow handler holds up nobody else", async (hostname) => {
  const gate = Promise.withResolvers<void>();
  await using server = await serveDatagrams(
    { hostname, port: 0 },
    async (data) => {
      if (text(data) === "slow") await gate.promise;
      return data;
    },
  );
  const slow = ask(server, "slow");
  assertEquals(text(await ask(server, "quick")), "quick");
  gate.resolve();
  assertEquals(text(await slow), "slow");
});

describe("a handler that fails spares the server", () => {
  const fault = new Error("From the handler");
  const failures: [string, DatagramHandler, unknown][] = [
    ["at once", () => {
      throw fault;
    }, fault],
    ["later", () => Promise.reject(fault), fault],
    ["with undefined", () => Promise.reject(undefined), undefined],
  ];
  for (const [name, fail, expected] of failures) {
    const handler: DatagramHandler = (data, from) =>
      text(data) === "fail" ? fail(data, from) : data;
    it(`${name}, told to onError`, async () => {
      const errors: [unknown, NetAddress<"udp">][] = [];
      const onError = (error: unknown, from: NetAddress<"udp">) =>
        void errors.push([error, from]);
      await using server = await serveDatagrams({ port: 0, onError }, handler);
      await using socket = await bind({ port: 0 });
      await socket.sendTo("fail", server.addr);
      await until(() => errors.length > 0);
      assert(errors[0][0] === expected);
      assertEquals(errors[0][1], socket.addr);
      assertEquals(text(await ask(server, "alive")), "alive");
      assertEquals(errors.length, 1);
    });
    it(`${name}, told to console.error`, async () => {
      await using server = await serveDatagrams({ port: 0 }, handler);
      await using socket = await bind({ port: 0 });
      const told = await complaints(async () => {
        await socket.sendTo("fail", server.addr);
        assertEquals(text(await ask(server, "alive")), "alive");
      });
      assertEquals(told, [expected]);
    });
  }
  it("by a reply that is none, or is too large", async () => {
    const replies = [1, {}, null, new Uint8Array(65508)];
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    await using server = await serveDatagrams({ port: 0, onError }, (data) => {
      const [index] = data;
      return index < replies.length ? untyped(replies[index]) : data;
    });
    await using socket = await bind({ port: 0 });
    for (let i = 0; i < 4; i++) {
      await socket.sendTo(Uint8Array.of(i), server.addr);
      await until(() => errors.length === i + 1);
    }
    for (const error of errors.slice(0, 3)) assert(error instanceof TypeError);
    assert(errors[3] instanceof SocketError && errors[3].code === "EMSGSIZE");
    assertEquals(text(await ask(server, "alive")), "alive");
    assertEquals(server.stats().sent, 1);
  });
  it("even where onError fails too", async () => {
    const onErrors: ServeDatagramsOptions["onError"][] = [
      () => {
        throw fault;
      },
      () => Promise.reject(fault),
    ];
    for (const onError of onErrors) {
      const told = await complaints(async () => {
        await using server = await serveDatagrams({ port: 0, onError }, () => {
          throw new Error("Of no interest");
        });
        await using socket = await bind({ port: 0 });
        for (let i = 1; i <= 3; i++) {
          await socket.sendTo("fail", server.addr);
          await until(() => server.stats().received === i);
        }
        await socket.sendTo("", socket.addr);
        await socket.recvFrom();
      });
      assertEquals(told, [fault, fault, fault]);
    }
  });
});

describe("the life of a server", () => {
  it("onListen is told the address; one that throws ends it", async () => {
    const addrs: NetAddress<"udp">[] = [];
    const onListen = (addr: NetAddress<"udp">) => void addrs.push(addr);
    await using server = await serveDatagrams(
      { port: 0, onListen },
      () => undefined,
    );
    assertEquals(addrs, [server.addr]);
    const fault = new Error("From onListen");
    const fail = (addr: NetAddress<"udp">) => {
      addrs.push(addr);
      throw fault;
    };
    const failing = serveDatagrams({ port: 0, onListen: fail }, () => {});
    assertEquals(await failing.catch((error) => error), fault);
    await using _again = await bind({ port: addrs[1].port });
  });
  it("shutdown frees the port, and finishes", async () => {
    const server = await serveDatagrams({ port: 0 }, (data) => data);
    assertEquals(text(await ask(server, "hello")), "hello");
    let finished = false;
    server.finished.then(() => finished = true);
    await Promise.all([server.shutdown(), server.shutdown()]);
    await server.finished;
    assert(finished);
    await using again = await bind({ port: server.addr.port });
    assertEquals(again.addr, server.addr);
    assertEquals(server.stats().sent, 1);
  });
  it("shutdown waits for no handler, whose answer is EBADF", async () => {
    const gate = Promise.withResolvers<string>();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const server = await serveDatagrams(
      { port: 0, onError },
      () => gate.promise,
    );
    await using socket = await bind({ port: 0 });
    await socket.sendTo("hello", server.addr);
    await until(() => server.stats().received === 1);
    await server.shutdown();
    gate.resolve("too late");
    await until(() => errors.length > 0);
    assert(errors[0] instanceof SocketError && errors[0].code === "EBADF");
  });
  it("await using stops it", async () => {
    let port: number;
    {
      await using server = await serveDatagrams({ port: 0 }, () => {});
      port = server.addr.port;
    }
    await using _again = await bind({ port });
  });
  it("the signal stops it: before, during and after the start", async () => {
    const reason = new Error("Enough");
    const aborted = { port: 0, signal: AbortSignal.abort(reason) };
    const early = serveDatagrams(aborted, () => {});
    assertEquals(await early.catch((error) => error), reason);
    const during = new AbortController();
    const starting = serveDatagrams(
      { port: 0, signal: during.signal },
      (data) => data,
    );
    during.abort(reason);
    const outcome = await starting.then(async (server) => {
      await using _server = server;
      await using socket = await bind({ port: 0 });
      await socket.sendTo("are you there?", server.addr);
      const answer = socket.recvFrom().then(() => "it serves on", () => reason);
      return await Promise.race([server.finished.then(() => reason), answer]);
    }, (error) => error);
    assertEquals(outcome, reason);
    const after = new AbortController();
    const { signal } = after;
    const server = await serveDatagrams({ port: 0, signal }, (data) => data);
    assertEquals(text(await ask(server, "hello")), "hello");
    after.abort();
    await server.finished;
    await using _again = await bind({ port: server.addr.port });
  });
});

perFamily("many peers at once are served, each its own", async (hostname) => {
  await using server = await serveEcho({ transport: "udp", hostname, port: 0 });
  const peers = Array.from({ length: 50 }, async (_, peer) => {
    await using socket = await bind({ hostname, port: 0 });
    for (let i = 0; i < 40; i++) {
      await socket.sendTo(`${peer}: ${i}`, server.addr);
      assertEquals(text((await socket.recvFrom())[0]), `${peer}: ${i}`);
    }
  });
  await Promise.all(peers);
  await until(() => server.stats().sent === 2000);
  const { received, withheld, dropped } = server.stats();
  assertEquals([received, withheld, dropped], [2000, 0, 0]);
});

perFamily("serveEcho sends back every datagram", async (hostname) => {
  await using server = await serveEcho({ transport: "udp", hostname, port: 0 });
  for (const length of [0, 1, 1472, 65507]) {
    const data = pattern(length, length);
    assertSameBytes(await ask(server, data), data);
  }
});

perFamily("serveGreeting greets each datagram", async (hostname) => {
  const messages: [Greeting<NetAddress<"udp">>, string][] = [
    ["Grüezi", "Grüezi"],
    [new TextEncoder().encode("bytes"), "bytes"],
    ["", ""],
    [
      (from, first) => `${from.hostname}, ${text(first ?? null)}`,
      `${hostname}, I`,
    ],
    [() => Promise.resolve(Uint8Array.of(97)), "a"],
  ];
  for (const [message, greeting] of messages) {
    const said: string[] = [];
    const onMessage = async (data: Uint8Array, from: NetAddress<"udp">) => {
      await Promise.resolve();
      said.push(`${from.hostname}: ${text(data)}`);
    };
    const where = { transport: "udp", hostname, port: 0 } as const;
    await using server = await serveGreeting({ ...where, message, onMessage });
    for (const word of ["I", "", "I"]) {
      if (word) assertEquals(text(await ask(server, word)), greeting);
      else await ask(server, word);
    }
    assertEquals(said, ["I", "", "I"].map((word) => `${hostname}: ${word}`));
  }
});

describe("wrong options", () => {
  const rejects = async (
    options: object,
    type: typeof TypeError | typeof RangeError,
  ) => {
    const { addr: { port } } = await bind({ port: 0 }).then(async (socket) => {
      await socket.close();
      return socket;
    });
    const udp = { transport: "udp", port, message: "hi", ...options } as const;
    await assertRejects(() => serveDatagrams(udp, () => {}), type);
    await assertRejects(() => serveEcho(udp), type);
    await assertRejects(() => serveGreeting(udp), type);
    await using _free = await bind({ port });
  };
  for (
    const [field, values] of [
      ["lowestPort", [-1, NaN, "1", 1n]],
      ["burst", [0, -1, NaN, "1", true]],
      ["rate", [-1, NaN, "1", {}]],
    ] as const
  ) {
    for (const value of values) {
      const type = typeof value === "number" ? RangeError : TypeError;
      it(`loopGuard.${field} ${typeof value} ${value}: ${type.name}`, () =>
        rejects({ loopGuard: { [field]: value } }, type));
    }
  }
  for (const wrong of [null, "off", 1]) {
    it(`loopGuard ${wrong}: TypeError`, () =>
      rejects({ loopGuard: wrong }, TypeError));
  }
  it("a signal, a handler, a message that is none: TypeError", async () => {
    await rejects({ signal: {} }, TypeError);
    const handler = untyped<DatagramHandler>("hello");
    await assertRejects(() => serveDatagrams({ port: 0 }, handler), TypeError);
    const message = untyped<string>(1);
    const udp = { transport: "udp", port: 0, message } as const;
    await assertRejects(() => serveGreeting(udp), TypeError);
  });
  it("a port in use: EADDRINUSE", async () => {
    await using server = await serveDatagrams({ port: 0 }, () => {});
    const { port } = server.addr;
    const act = () => serveEcho({ transport: "udp", port });
    await assertRejectsWith("EADDRINUSE", act);
  });
});

function peer(hostname: string, port: number): NetAddress<"udp"> {
  return { transport: "udp", hostname, port };
}

/** How many replies in a row the guard allows. */
function inARow(
  mayAnswer: (peer: NetAddress<"udp">) => boolean,
  to: NetAddress<"udp">,
) {
  let count = 0;
  while (mayAnswer(to)) count++;
  return count;
}

describe("loopGuard", () => {
  const client = peer("127.0.0.1", 40000);
  const bounded = { burst: 5, rate: 0 };
  const verdicts: [string, string, NetAddress<"udp">, boolean][] = [
    ["itself", "127.0.0.1", peer("127.0.0.1", 7000), false],
    ["itself, IPv6", "::1", peer("::1", 7000), false],
    ["its port elsewhere", "127.0.0.1", peer("127.0.0.2", 7000), true],
    ["its port, on all addresses", "0.0.0.0", peer("10.1.2.3", 7000), false],
    ["its port, on all of IPv6", "::", peer("fd00::1", 7000), false],
    ["its port, mapped", "::", peer("::ffff:127.0.0.1", 7000), false],
    ["a client, on all addresses", "0.0.0.0", client, true],
    ["multicast", "0.0.0.0", peer("224.0.0.1", 40000), false],
    ["more multicast", "0.0.0.0", peer("239.255.255.250", 40000), false],
    ["mapped multicast", "::", peer("::ffff:224.0.0.1", 40000), false],
    ["IPv6 multicast", "::", peer("ff02::1", 40000), false],
    ["broadcast", "0.0.0.0", peer("255.255.255.255", 40000), false],
    ["mapped broadcast", "::", peer("::ffff:255.255.255.255", 40000), false],
    ["no address", "0.0.0.0", peer("0.0.0.0", 40000), false],
    ["no IPv6 address", "::", peer("::", 40000), false],
    ["a well-known service", "127.0.0.1", peer("127.0.0.1", 7), false],
    ["port 1023", "127.0.0.1", peer("127.0.0.1", 1023), false],
    ["port 1024", "127.0.0.1", peer("127.0.0.1", 1024), true],
    ["no port", "127.0.0.1", peer("127.0.0.1", 0), false],
    ["a client", "127.0.0.1", client, true],
    ["a client, IPv6", "::1", peer("::1", 65535), true],
    ["a client that looks like multicast", "::", peer("fe80::ff02", 4e4), true],
    ["a client in 223", "0.0.0.0", peer("223.255.255.254", 40000), true],
  ];
  for (const [name, own, from, verdict] of verdicts) {
    it(`${verdict ? "answers" : "does not answer"} ${name}`, () => {
      const mayAnswer = loopGuard(peer(own, 7000), {});
      assertEquals([mayAnswer(from), mayAnswer(from)], [verdict, verdict]);
    });
  }
  it("allows a burst to each peer, then the rate", () => {
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), bounded);
    assertEquals(inARow(mayAnswer, client), 5);
    assertEquals(inARow(mayAnswer, peer("127.0.0.1", 40001)), 5);
    assertEquals(inARow(mayAnswer, peer("127.0.0.2", 40000)), 5);
    assertEquals(mayAnswer(client), false);
  });
  it("allows 10,000, then 1,000 a second, unless told", () => {
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), {});
    const began = performance.now();
    let count = 0;
    const flood = (milliseconds: number) => {
      while (performance.now() - began < milliseconds) {
        for (let i = 0; i < 100; i++) if (mayAnswer(client)) count++;
      }
      return performance.now() - began;
    };
    const most = flood(300) + 10_001;
    assert(count <= most && count > 10_000 + 200, `${count} of ${most}`);
  });
  it("allows one burst after a rest, not two", () => {
    const options = { burst: 100, rate: 1000 };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    assert(mayAnswer(client));
    const rested = performance.now() + 150;
    while (performance.now() < rested);
    const began = performance.now();
    const count = inARow(mayAnswer, client);
    const most = 101 + (performance.now() - began);
    assert(count >= 100 && count <= most, `${count} of ${most}`);
  });
  it("remembers thousands of peers, but not without bound", () => {
    const options = { burst: 1, rate: 0 };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    const peers = Array.from(
      { length: 20_000 },
      (_, i) => peer(`10.0.${i >> 8}.${i & 255}`, 40000),
    );
    for (const from of peers) assert(mayAnswer(from), from.hostname);
    for (const from of peers.slice(-10_000)) assert(!mayAnswer(from));
    // Forgotten, so allowed afresh.
    assert(mayAnswer(peers[0]));
  });
});

describe("the loop guard of a server", () => {
  const udp = { transport: "udp", port: 0 } as const;
  const echoes = (loopGuard?: LoopGuardOptions | false) =>
    serveEcho({ ...udp, loopGuard });
  /** Sends these many datagrams from one socket; tells how many came back. */
  const answered = async (server: DatagramServer, count: number) => {
    await using socket = await bind({ port: 0 });
    for (let i = 0; i < count; i++) {
      await socket.sendTo(`${i}`, server.addr);
      const { received, sent, withheld } = server.stats();
      await until(() => server.stats().received > received);
      await until(() =>
        server.stats().sent + server.stats().withheld > sent + withheld
      );
    }
    // The kernel keeps their order: "end" comes after the answers.
    await socket.sendTo("end", socket.addr);
    let heard = 0;
    for await (const [data] of socket) {
      if (text(data) === "end") break;
      heard++;
    }
    return heard;
  };
  it("withholds what is beyond, counts it, and serves others", async () => {
    await using server = await echoes({ burst: 3, rate: 0 });
    assertEquals(await answered(server, 5), 3);
    assertEquals(await answered(server, 2), 2);
    const { received, sent, withheld } = server.stats();
    assertEquals([received, sent, withheld], [7, 5, 2]);
  });
  it("answers no port below lowestPort", async () => {
    await using strict = await echoes({ lowestPort: 65536 });
    assertEquals(await answered(strict, 2), 0);
    assertEquals(strict.stats().withheld, 2);
    await using lax = await echoes({ lowestPort: 0 });
    assertEquals(await answered(lax, 2), 2);
  });
  it("leaves a client on loopback alone", async () => {
    await using server = await echoes();
    await using socket = await bind({ port: 0 });
    for (let i = 0; i < 5000; i++) {
      await socket.sendTo(`${i}`, server.addr);
      assertEquals(text((await socket.recvFrom())[0]), `${i}`);
    }
    assertEquals(server.stats().withheld, 0);
  });
  for (
    const [name, guard, sent] of [
      ["ends a loop of two echo servers", { burst: 100, rate: 0 }, 100],
      ["ends it as it is by default", undefined, 10_000],
    ] as const
  ) {
    it(name, { timeout: 60_000 }, async () => {
      const gate = Promise.withResolvers<void>();
      // One datagram "from" a port where the other server is by the time of
      // the answer: as good as a forged one.
      const bait = await bind({ port: 0 });
      await using a = await serveDatagrams(
        { port: 0, loopGuard: guard },
        async (data) => {
          await gate.promise;
          return data;
        },
      );
      await bait.sendTo("again", a.addr);
      await until(() => a.stats().received === 1);
      await bait.close();
      await using b = await serveEcho({
        ...udp,
        port: bait.addr.port,
        loopGuard: guard,
      });
      gate.resolve();
      await until(() => a.stats().withheld + b.stats().withheld === 1);
      const total = a.stats().sent + b.stats().sent;
      if (guard) assertEquals(total, 2 * sent);
      else assert(total >= 2 * sent, `${total}`);
    });
  }
  it("false is none", async () => {
    await using server = await echoes(false);
    await using socket = await bind({ port: 0 });
    for (let i = 0; i < 11_000; i++) {
      await socket.sendTo("", server.addr);
      await socket.recvFrom();
    }
    assertEquals(server.stats().withheld, 0);
  });
});

if (process.getuid?.() !== 0) {
  console.log("Not root, so low and forged ports are not tested end to end");
} else {
  const udp = { transport: "udp", port: 0 } as const;
  it("a well-known port is answered only if wished", async () => {
    await using guarded = await serveEcho(udp);
    await using open = await serveEcho({
      ...udp,
      loopGuard: { lowestPort: 1 },
    });
    const ports = [guarded.addr.port, open.addr.port];
    const said = await output(python(
      `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for low in range(1023, 512, -1):
    try:
        s.bind(("127.0.0.1", low))
        break
    except OSError: pass
for port in args: s.sendto(b"hello", ("127.0.0.1", int(port)))
data, peer = s.recvfrom(100)
print(s.getsockname()[1] < 1024, data.decode(), peer[1])`,
      ...ports,
    ));
    assertEquals(said.trim(), `True hello ${open.addr.port}`);
    const { sent, withheld } = guarded.stats();
    assertEquals([sent, withheld], [0, 1]);
  });
  /** A datagram that claims to come from this port on 127.0.0.1. */
  const forge = (from: number, to: number) =>
    output(python(
      `ip = socket.inet_aton("127.0.0.1")
udp = struct.pack("!HHHH", int(args[0]), int(args[1]), 13, 0) + b"loop!"
head = struct.pack("!BBHHHBBH4s4s", 69, 0, 33, 0, 0, 64, 17, 0, ip, ip)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(head + udp, ("127.0.0.1", 0))`,
      from,
      to,
    ));
  for (const hostname of ["127.0.0.1", "0.0.0.0", "::"]) {
    it(`on ${hostname} it does not answer itself`, async () => {
      await using server = await serveEcho({ ...udp, hostname });
      const { port } = server.addr;
      await forge(port, port);
      await until(() => server.stats().received === 1);
      const { received, sent, withheld } = server.stats();
      assertEquals([received, sent, withheld], [1, 0, 1]);
    });
  }
  it("without a guard, port 0 is no reason to complain", async () => {
    await using server = await serveDatagrams(
      { port: 0, loopGuard: false },
      (data) => data,
    );
    const told = await complaints(async () => {
      await forge(0, server.addr.port);
      assertEquals(text(await ask(server, "alive")), "alive");
    });
    // Deno hands it out, Bun passes over it.
    assertEquals(told, []);
  });
}
