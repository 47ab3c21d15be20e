// What UDP sockets promise, over IPv4 and IPv6, on each back end.
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import { fileURLToPath } from "node:url";
import { bind, type DatagramSocket, type SocketErrorCode } from "../mod.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import {
  assertRejectsWith,
  assertSameBytes,
  deno,
  output,
  pattern,
  python,
  start,
  text,
  until,
} from "./support.ts";

const onDeno = "Deno" in globalThis;
const native = onDeno && "listenDatagram" in Object(globalThis["Deno"]);
const backEnd = onDeno ? native ? "Deno.listenDatagram" : "node:dgram" : "Bun";
console.log(`UDP by ${backEnd}`);

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

/** A port where nobody listens. */
async function deadPort(hostname: string): Promise<number> {
  await using socket = await bind({ hostname, port: 0 });
  return socket.addr.port;
}

/** Two sockets, closed together. */
async function twoSockets(hostname: string) {
  const a = await bind({ hostname, port: 0 });
  const b = await bind({ hostname, port: 0 });
  return {
    a,
    b,
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close()]);
    },
  };
}

async function heard(socket: DatagramSocket): Promise<string> {
  return text((await socket.recvFrom())[0]);
}

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
  for (const length of [0, 1, 65507, 0, 0, 1, 1472, 2, 65507, 3]) {
    await a.sendTo(pattern(length, length), b.addr);
    assertSameBytes((await b.recvFrom())[0], pattern(length, length));
  }
  for (const word of ["", "a", "", "bc"]) await a.sendTo(word, b.addr);
  for (const word of ["", "a", "", "bc"]) assertEquals(await heard(b), word);
  await a.sendTo(pattern(100).subarray(10, 20), b.addr);
  assertSameBytes((await b.recvFrom())[0], pattern(100).slice(10, 20));
});

perFamily("more than 65507 bytes are EMSGSIZE, no more", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  for (const data of [new Uint8Array(65508), "é".repeat(32754)]) {
    await assertRejectsWith("EMSGSIZE", () => a.sendTo(data, b.addr));
    await a.sendTo("alive", b.addr);
    assertEquals(await heard(b), "alive");
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

describe("wrong arguments", () => {
  for (
    const [port, type] of [
      ...[-1, 65536, 1.5, NaN, Infinity].map((n) => [n, RangeError] as const),
      ...["80", undefined, null, 80n].map((x) => [x, TypeError] as const),
    ]
  ) {
    it(`port ${String(port)} (${typeof port}): ${type.name}`, async () => {
      await assertRejects(() => bind(untyped({ port })), type);
      await using socket = await bind({ port: 0 });
      const to = untyped<typeof socket.addr>({ hostname: "127.0.0.1", port });
      await assertRejects(() => socket.sendTo("x", to), type);
    });
  }
  it("port 0 cannot be sent to", async () => {
    await using socket = await bind({ port: 0 });
    const to = { hostname: "127.0.0.1", port: 0 };
    await assertRejects(() => socket.sendTo("x", to), RangeError);
  });
  it("hostname, address, data or transport of no use: TypeError", async () => {
    await using socket = await bind({ port: 0 });
    for (const hostname of ["", 127, null]) {
      const wrong = untyped<{ hostname: string; port: number }>({
        hostname,
        port: 1,
      });
      await assertRejects(() => bind(wrong), TypeError);
      await assertRejects(() => socket.sendTo("x", wrong), TypeError);
    }
    for (const to of [undefined, null, 80, "127.0.0.1:80"]) {
      await assertRejects(() => socket.sendTo("x", untyped(to)), TypeError);
      await assertRejects(() => bind(untyped(to)), TypeError);
    }
    for (const data of [undefined, null, 1, [1], {}, new ArrayBuffer(1)]) {
      const act = () => socket.sendTo(untyped(data), socket.addr);
      await assertRejects(act, TypeError);
    }
    const tcp = { transport: "tcp", port: 0 };
    await assertRejects(() => bind(untyped(tcp)), TypeError);
    await socket.sendTo("alive", socket.addr);
    assertEquals(await heard(socket), "alive");
  });
});

describe("names and addresses", () => {
  const unknown = ["no-such-host.invalid", "not a name", "256.0.0.1", "::g"];
  for (const hostname of unknown) {
    it(`"${hostname}" is ENOTFOUND`, async () => {
      await assertRejectsWith("ENOTFOUND", () => bind({ hostname, port: 0 }));
      const own = hostname.includes(":") ? "::1" : "127.0.0.1";
      await using socket = await bind({ hostname: own, port: 0 });
      const { port } = socket.addr;
      const send = () => socket.sendTo("x", { hostname, port });
      const error = await assertRejectsWith("ENOTFOUND", send);
      assert(error.message.includes(hostname), error.message);
      await socket.sendTo("alive", socket.addr);
      assertEquals(await heard(socket), "alive");
    });
  }
  it("another machine's address is EADDRNOTAVAIL", async () => {
    for (const hostname of ["192.0.2.1", "2001:db8::1"]) {
      const act = () => bind({ hostname, port: 0 });
      await assertRejectsWith("EADDRNOTAVAIL", act);
    }
  });
  it("the other IP version is EAFNOSUPPORT", async () => {
    await using four = await bind({ port: 0 });
    await using six = await bind({ hostname: "::1", port: 0 });
    for (const to of ["::1", "::ffff:127.0.0.1"]) {
      const act = () => four.sendTo("x", { hostname: to, port: 9 });
      await assertRejectsWith("EAFNOSUPPORT", act);
    }
    await assertRejectsWith("EAFNOSUPPORT", () => six.sendTo("x", four.addr));
    await six.sendTo("alive", six.addr);
    assertEquals(await heard(six), "alive");
  });
  it("localhost is bound, and sent to from anywhere", async () => {
    await using local = await bind({ hostname: "localhost", port: 0 });
    const { hostname, port } = local.addr;
    assert(["127.0.0.1", "::1"].includes(hostname), hostname);
    for (const own of ["localhost", "::"]) {
      await using socket = await bind({ hostname: own, port: 0 });
      await socket.sendTo(own, { hostname: "localhost", port });
      assertEquals(await heard(local), own);
    }
  });
  it("IPv6 may be written in brackets", async () => {
    await using socket = await bind({ hostname: "[::1]", port: 0 });
    const { hostname, port } = socket.addr;
    assertEquals(hostname, "::1");
    await socket.sendTo("x", { hostname: "[::1]", port });
    assertEquals(await heard(socket), "x");
  });
  it("a socket on all addresses hears and answers both versions", async () => {
    await using all = await bind({ hostname: "::", port: 0 });
    const { port } = all.addr;
    for (const hostname of ["127.0.0.1", "::1"]) {
      await using one = await bind({ hostname, port: 0 });
      await one.sendTo("ping", { hostname, port });
      const [data, from] = await all.recvFrom();
      await all.sendTo(data, from);
      assertEquals(await one.recvFrom(), [data, { ...all.addr, hostname }]);
    }
  });
  it("nothing is exposed unless asked", async () => {
    await using socket = await bind({ port: 0 });
    assertEquals(socket.addr.hostname, "127.0.0.1");
  });
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
    for (let i = 0; i < 40; i++) assertEquals(await heard(b), `${i}`);
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
  assertEquals([await heard(b), await heard(b)], ["1", "2"]);
  assertEquals(
    (await settled).map(({ status }) => status),
    ["fulfilled", "rejected", "rejected", "fulfilled"],
  );
});

perFamily("refusals by ICMP harm nobody", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const dead = { hostname, port: await deadPort(hostname) };
  const pending = a.recvFrom();
  for (let i = 0; i < 30; i++) {
    await a.sendTo("to nobody", dead);
    await a.sendTo(`${i}`, b.addr);
    assertEquals(await heard(b), `${i}`);
  }
  const burst = Array.from({ length: 30 }, (_, i) => [
    a.sendTo("to nobody", dead),
    a.sendTo(`${i}`, b.addr),
  ]);
  for (let i = 0; i < 30; i++) assertEquals(await heard(b), `${i}`);
  await Promise.all(burst.flat());
  await b.sendTo("still here?", a.addr);
  assertEquals(text((await pending)[0]), "still here?");
});

perFamily("waiting recvFroms are served in order", async (hostname) => {
  await using ends = await twoSockets(hostname);
  const { a, b } = ends;
  const waiting = [0, 1, 2, 3].map(() => heard(b));
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
  const next = heard(b);
  controller.abort(reason);
  assertEquals(await aborted.catch((error) => error), reason);
  await a.sendTo("for the next", b.addr);
  assertEquals(await next, "for the next");
  await a.sendTo("kept", b.addr);
  const late = b.recvFrom({ signal });
  assertEquals(await late.catch((error) => error), reason);
  assertEquals(await heard(b), "kept");
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
    if (result.status === "fulfilled") assertEquals(await heard(b), `${i + 1}`);
    else assertEquals(result.reason.code, "EBADF");
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

/** Sends what nobody receives, until 50 were dropped; tells how many it took. */
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

/** Receives what waits, and tells how many that were. */
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

perFamily("Python is a peer, both ways", async (hostname) => {
  const family = hostname === "::1" ? "socket.AF_INET6" : "socket.AF_INET";
  const lengths = [5, 0, 1, 1472, 65507];
  await using server = start(python(
    `s = socket.socket(${family}, socket.SOCK_DGRAM)
s.bind((args[0], 0))
print(s.getsockname()[1], flush=True)
for _ in range(${lengths.length}):
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer[:2])`,
    hostname,
  ));
  await using socket = await bind({ hostname, port: 0 });
  const port = Number(await server.line());
  for (const length of lengths) {
    await socket.sendTo(pattern(length, 7), { hostname, port });
    const [data, from] = await socket.recvFrom();
    assertSameBytes(data, pattern(length, 7));
    assertEquals(from, { transport: "udp", hostname, port });
  }
  const client = output(python(
    `s = socket.socket(${family}, socket.SOCK_DGRAM)
for n in [${lengths}]:
    s.sendto(b"x" * n, (args[0], int(args[1])))
    data, peer = s.recvfrom(65536)
    assert data == b"x" * n and peer[1] == int(args[1]), (n, len(data), peer)
print("whole")`,
    hostname,
    socket.addr.port,
  ));
  for (const length of lengths) {
    const [data, from] = await socket.recvFrom();
    assertEquals(data.length, length);
    await socket.sendTo(data, from);
  }
  assertEquals((await client).trim(), "whole");
});

if (spawnSync("socat", ["-V"]).status !== 0) {
  console.log("No socat, so UDP is not tested against it");
} else {
  perFamily("socat is a peer", async (hostname) => {
    await using socket = await bind({ hostname, port: 0 });
    const { port } = socket.addr;
    const target = hostname === "::1"
      ? `UDP6:[::1]:${port}`
      : `UDP4:${hostname}:${port}`;
    await using socat = start(["socat", "-", target]);
    for (const word of ["hello", "again"]) {
      socat.process.stdin?.write(`${word}\n`);
      const [data, from] = await socket.recvFrom();
      assertEquals(text(data), `${word}\n`);
      await socket.sendTo(`${word} to you\n`, from);
      assertEquals(await socat.line(), `${word} to you`);
    }
  });
}

/** What Deno's permissions make of a bind and a send, in a process of its own. */
const attempts = `
import { bind } from "${new URL("../mod.ts", import.meta.url)}";
const [own, ...targets] = Deno.args.map(Number);
const attempt = (act) =>
  act().then(() => "done", ({ code, message }) => code + " " + message);
let socket;
console.log(await attempt(async () => socket = await bind({ port: own })));
for (const port of targets) {
  const to = { hostname: port ? "127.0.0.1" : "localhost", port: port || 9 };
  console.log(await attempt(() => socket.sendTo("x", to)));
}
await socket?.close();
`;

async function permitted(
  flags: string[],
  ...ports: number[]
): Promise<string[]> {
  await using child = start([
    ...[deno.command[0], "run", "--no-prompt", "--no-check"],
    // Without any, Deno's node:child_process adds -A to a Deno that it starts.
    "--allow-env=NONE",
    ...flags,
    "-",
    ...ports.map(String),
  ]);
  child.process.stdin?.end(attempts);
  const { stdout, stderr, status } = await child.ended;
  assertEquals(status, 0, stderr);
  return stdout.trim().split("\n");
}

function assertDenied(said: string, code: SocketErrorCode = "EACCES"): void {
  assert(said.startsWith(code) && said.includes("--allow-net"), said);
}

const again = "PARLEY_UDP_AGAIN";
if (!onDeno) console.log("Deno's permissions and back ends are tested on Deno");
else {
  for (const flags of [[], ["--unstable-net"]]) {
    describe(`permissions on Deno ${flags}`, { timeout: 60_000 }, () => {
      it("to bind: the port is enough", async () => {
        const port = await deadPort("127.0.0.1");
        const net = `--allow-net=127.0.0.1:${port}`;
        const [bound, toOther, toName] = await permitted(
          [...flags, net],
          port,
          9,
          0,
        );
        assertEquals(bound, "done");
        assertDenied(toOther);
        assertDenied(toName);
      });
      it("none, or another port's: EACCES, naming the flag", async () => {
        const port = await deadPort("127.0.0.1");
        assertDenied((await permitted(flags, port))[0]);
        const net = `--allow-net=127.0.0.1:${port ^ 1}`;
        assertDenied((await permitted([...flags, net], port))[0]);
      });
      it("the host's is enough to bind and send", async () => {
        const net = "--allow-net=127.0.0.1";
        const said = await permitted([...flags, net], 0, 9);
        assertEquals(said, ["done", "done"]);
      });
    });
  }
  if (!native && process.env[again] === undefined) {
    it(
      "all of it holds with --unstable-net",
      { timeout: 180_000 },
      async () => {
        const files = ["datagram_test.ts", "serve_datagrams_test.ts"]
          .map((name) => fileURLToPath(new URL(name, import.meta.url)));
        await using child = start([
          ...["env", `${again}=1`, deno.command[0], "test", "-A", "--no-check"],
          "--unstable-net",
          ...files,
        ]);
        const { stdout, stderr, status } = await child.ended;
        assertEquals(status, 0, stdout + stderr);
        assert(stdout.includes("UDP by Deno.listenDatagram"), stdout);
      },
    );
  }
}
