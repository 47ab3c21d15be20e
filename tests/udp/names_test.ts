// What UDP sockets refuse, and how names and addresses are taken.
import { describe, it } from "node:test";
import { bind } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { recvText } from "../support/udp.ts";

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
    assertEquals(await recvText(socket), "alive");
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
      assertEquals(await recvText(socket), "alive");
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
    assertEquals(await recvText(six), "alive");
  });
  it("localhost is bound, and sent to from anywhere", async () => {
    await using local = await bind({ hostname: "localhost", port: 0 });
    const { hostname, port } = local.addr;
    assert(["127.0.0.1", "::1"].includes(hostname), hostname);
    for (const own of ["localhost", "::"]) {
      await using socket = await bind({ hostname: own, port: 0 });
      await socket.sendTo(own, { hostname: "localhost", port });
      assertEquals(await recvText(local), own);
    }
  });
  it("IPv6 may be written in brackets", async () => {
    await using socket = await bind({ hostname: "[::1]", port: 0 });
    const { hostname, port } = socket.addr;
    assertEquals(hostname, "::1");
    await socket.sendTo("x", { hostname: "[::1]", port });
    assertEquals(await recvText(socket), "x");
  });
  it("a socket on all addresses receives and answers both versions", async () => {
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
