// Hostnames that are none: the same code from every call, on every runtime.
import { describe, it } from "node:test";
import { bind, connect, listen } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";

const options = { timeout: 60_000 };

const strange = [
  ...["256.256.256.256", "1.2.3.4.5", "127.0.0.1.", "127.0.0.1 ", "::g"],
  ...["fe80::1%nope", "::1%lo", "fe80::1%", "%", "127.0.0.1%lo"],
  ...["*", ".", "a..invalid", "-", " ", "a/b", "me@127.0.0.1", "a:b"],
  ...["[::1", "::1]", "a\0b", "127.0.0.1\0", "localhost\n", "\x1b[2J"],
  ...["x".repeat(300), `${"x".repeat(64)}.invalid`, "no-such-host.invalid"],
];

for (const hostname of strange) {
  const title = JSON.stringify(hostname.slice(0, 20));
  it(`${title} is ENOTFOUND`, options, async () => {
    await using socket = await bind({ port: 0 });
    await using all = await bind({ hostname: "::", port: 0 });
    const to = { hostname, port: 9 };
    const calls = [
      () => listen({ hostname, port: 0 }),
      () => connect(to),
      () => connect({ ...to, signal: new AbortController().signal }),
      () => connect({ ...to, tls: true }),
      () => bind({ hostname, port: 0 }),
      () => all.sendTo("x", to),
    ];
    // An IPv6 address is of another family first of all.
    if (!hostname.includes(":")) calls.push(() => socket.sendTo("x", to));
    for (const call of calls) {
      const error = await assertRejectsWith("ENOTFOUND", call);
      assert(error.message.startsWith("Cannot "), error.message);
    }
  });
}

describe("spellings of an address", () => {
  for (const hostname of ["127.1", "0x7f.1", "2130706433", "0177.0.0.1"]) {
    it(`${hostname} is 127.0.0.1 to every call`, options, async () => {
      await using listener = await listen({ hostname, port: 0 });
      assertEquals(listener.addr.hostname, "127.0.0.1");
      const { port } = listener.addr;
      await using client = await connect({ hostname, port });
      assertEquals(client.remoteAddr, listener.addr);
      await using socket = await bind({ hostname, port: 0 });
      await socket.sendTo("x", { hostname, port: socket.addr.port });
      const [, from] = await socket.recvFrom();
      assertEquals(from, socket.addr);
      await using six = await bind({ hostname: "::1", port: 0 });
      const act = () => six.sendTo("x", { hostname, port });
      await assertRejectsWith("ENOTFOUND", act);
    });
  }
  it("localhost is the IPv4 address where it has both", options, async () => {
    await using listener = await listen({ hostname: "localhost", port: 0 });
    await using socket = await bind({ hostname: "LOCALHOST", port: 0 });
    assertEquals(listener.addr.hostname, "127.0.0.1");
    assertEquals(socket.addr.hostname, "127.0.0.1");
  });
});
