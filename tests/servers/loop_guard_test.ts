// Which datagrams a server answers.
import { networkInterfaces } from "node:os";
import process from "node:process";
import { describe, it } from "node:test";
import {
  bind,
  type DatagramServer,
  type LoopGuardOptions,
  type NetAddress,
  serveDatagrams,
  serveEcho,
} from "../../mod.ts";
import { loopGuard } from "../../src/servers/loop_guard.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { captureConsoleError } from "../support/console.ts";
import { output, python } from "../support/programs.ts";
import { ask } from "../support/udp.ts";
import { until } from "../support/wait.ts";

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
    ["loopback broadcast", "127.0.0.1", peer("127.255.255.255", 4e4), false],
    ["mapped loopback broadcast", "::", peer("::ffff:7fff:ffff", 4e4), false],
    ["no address", "0.0.0.0", peer("0.0.0.0", 40000), false],
    ["this network", "0.0.0.0", peer("0.1.2.3", 40000), false],
    ["itself, mapped", "127.0.0.1", peer("::ffff:7f00:1", 7000), false],
    ["itself, in capitals", "fd00::a", peer("FD00:0::A", 7000), false],
    ["multicast with a zone", "::", peer("ff02::1%lo", 40000), false],
    ["a client with a zone", "::", peer("fe80::1%lo", 40000), true],
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
  it("answers no broadcast address of an interface", () => {
    const mayAnswer = loopGuard(peer("0.0.0.0", 7000), {});
    const cidrs = Object.values(networkInterfaces()).flat()
      .flatMap((it) => it?.family === "IPv4" && it.cidr ? [it.cidr] : []);
    assert(cidrs.length > 0);
    for (const cidr of cidrs) {
      const [address, bits] = cidr.split("/");
      if (Number(bits) > 30) continue;
      const number = address.split(".")
        .reduce((sum, part) => sum * 256 + Number(part), 0);
      const size = 2 ** (32 - Number(bits));
      const first = number - number % size;
      const toIp = (number: number) =>
        [24, 16, 8, 0].map((shift) => number / 2 ** shift & 255).join(".");
      const verdicts = [first, first + size - 1, first + size - 2]
        .map((number) => mayAnswer(peer(toIp(number), 40000)));
      assertEquals(verdicts, [false, false, true], cidr);
    }
  });
  it("allows a burst to each address, whatever the port or the form", () => {
    const options = { burst: 5, rate: 0, addressBurst: 12, addressRate: 0 };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    const counts = ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"]
      .map((hostname) => inARow(mayAnswer, peer(hostname, 40000)));
    assertEquals(counts, [5, 5, 2]);
    assertEquals(inARow(mayAnswer, peer("192.0.2.1", 40001)), 0);
    assertEquals(inARow(mayAnswer, peer("192.0.2.2", 40000)), 5);
  });
  it("allows a burst in total", () => {
    const options = { burst: 5, rate: 0, totalBurst: 12, totalRate: 0 };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    const counts = [1, 2, 3, 4]
      .map((i) => inARow(mayAnswer, peer(`192.0.2.${i}`, 40000)));
    assertEquals(counts, [5, 5, 2, 0]);
  });
  it("withheld replies cost nothing", () => {
    const options = { burst: 5, rate: 0, totalBurst: 12, totalRate: 0 };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    for (let i = 0; i < 100; i++) mayAnswer(client);
    assertEquals(inARow(mayAnswer, peer("192.0.2.1", 40000)), 5);
  });
  it("a rate of infinity allows everything", () => {
    const rates = { rate: Infinity, addressRate: Infinity };
    const options = { ...rates, totalRate: Infinity };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    for (let i = 0; i < 20_000; i++) assert(mayAnswer(client));
  });

  it("earns the rates of address and total", () => {
    const options = {
      ...{ addressBurst: 1, addressRate: 100, totalBurst: 1, totalRate: 1000 },
    };
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), options);
    const started = performance.now();
    const counts = [0, 0];
    while (performance.now() < started + 200) {
      for (const i of [0, 1]) {
        if (mayAnswer(peer(`192.0.2.${i + 1}`, 40000))) counts[i]++;
      }
    }
    const most = (performance.now() - started) / 10 + 2;
    assert(counts.every((count) => count >= 10 && count <= most), `${counts}`);
  });
  it("servers share the defaults of the process, and nothing else", () => {
    const guard = (options: LoopGuardOptions) =>
      loopGuard(peer("127.0.0.1", 7000), { burst: 1e6, rate: 0, ...options });
    const from = peer("192.0.2.7", 40000);
    const first = inARow(guard({}), from);
    assert(first >= 50_000 && first < 60_000, `${first}`);
    const second = inARow(guard({}), from);
    assert(second < 5000, `${second}`);
    assertEquals(inARow(guard({ addressRate: 0 }), from), 50_000);
    assertEquals(inARow(guard({ totalBurst: 40, totalRate: 0 }), from), 40);
  });
  it("allows a burst to each peer, then the rate", () => {
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), bounded);
    assertEquals(inARow(mayAnswer, client), 5);
    assertEquals(inARow(mayAnswer, peer("127.0.0.1", 40001)), 5);
    assertEquals(inARow(mayAnswer, peer("127.0.0.2", 40000)), 5);
    assertEquals(mayAnswer(client), false);
  });
  it("allows 10,000, then 1,000 a second, by default", () => {
    const mayAnswer = loopGuard(peer("127.0.0.1", 7000), {});
    const started = performance.now();
    let count = 0;
    const flood = (milliseconds: number) => {
      while (performance.now() - started < milliseconds) {
        for (let i = 0; i < 100; i++) if (mayAnswer(client)) count++;
      }
      return performance.now() - started;
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
    const started = performance.now();
    const count = inARow(mayAnswer, client);
    const most = 101 + (performance.now() - started);
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
  /** Sends these many datagrams from one socket; returns how many came back. */
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
    let received = 0;
    for await (const [data] of socket) {
      if (text(data) === "end") break;
      received++;
    }
    return received;
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
    const printed = await captureConsoleError(async () => {
      await forge(0, server.addr.port);
      assertEquals(text(await ask(server, "alive")), "alive");
    });
    // Deno hands it out, Bun passes over it.
    assertEquals(printed, []);
  });
}
