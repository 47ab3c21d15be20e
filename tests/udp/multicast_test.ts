// Multicast groups, and two sockets on one port, on the loopback interface.
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import { bind, type BindOptions, type DatagramSocket } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { onDeno, platform } from "../support/platform.ts";
import { python, start } from "../support/programs.ts";
import { recvText } from "../support/udp.ts";

const options = { timeout: 30_000 };

/** The name of the loopback interface. */
const [LOOPBACK = "lo"] = Object.entries(networkInterfaces())
  .find(([, known]) => known?.some(({ internal }) => internal)) ?? [];

const FOUR = {
  any: "0.0.0.0",
  local: "127.0.0.1",
  interface: "127.0.0.1",
  group: "239.255.70.7",
  other: "239.255.70.8",
  foreign: "198.51.100.1",
};
const SIX = {
  any: "::",
  local: "::1",
  interface: "::1",
  group: "ff02::7007",
  other: "ff02::7008",
  foreign: "2001:db8::1",
};

for (const [name, at] of [["IPv4", FOUR], ["IPv6", SIX]] as const) {
  describe(`joinMulticast, ${name}`, () => {
    const open = (more: Partial<BindOptions> = {}) =>
      bind({ hostname: at.any, port: 0, ...more });

    // What Deno's own socket cannot do is served by node:dgram there.
    for (const more of [{}, { reuseAddress: true }]) {
      it(
        `twice, and leave twice ${JSON.stringify(more)}`,
        options,
        async () => {
          await using socket = await open(more);
          const join = () => socket.joinMulticast(at.group, at.interface);
          const leave = () => socket.leaveMulticast(at.group, at.interface);
          assertEquals(await join(), undefined);
          const error = await assertRejectsWith("EADDRINUSE", join);
          assert(error.message.includes(at.group), error.message);
          assert(error.message.includes("joined"), error.message);
          await socket.joinMulticast(at.other, at.interface);
          assertEquals(await leave(), undefined);
          const left = await assertRejectsWith("EADDRNOTAVAIL", leave);
          assert(left.message.includes(at.group), left.message);
          assert(left.message.includes("not joined"), left.message);
          await join();
          await socket.leaveMulticast(at.other, at.interface);
          await assertRejectsWith(
            "EADDRNOTAVAIL",
            () => socket.leaveMulticast(at.other, at.interface),
          );
        },
      );

      it(`no such interface: ENODEV ${JSON.stringify(more)}`, async () => {
        await using socket = await open(more);
        const { group, foreign, interface: local } = at;
        const join = () => socket.joinMulticast(group, foreign);
        const error = await assertRejectsWith("ENODEV", join);
        assert(error.message.includes(foreign), error.message);
        // The error takes nothing away.
        await socket.joinMulticast(group, local);
        await assertRejectsWith("ENODEV", join);
        const leave = () => socket.leaveMulticast(group, foreign);
        await assertRejectsWith("EADDRNOTAVAIL", leave);
        await socket.leaveMulticast(group, local);
      });
    }

    it("another family: TypeError", async () => {
      const other = at === FOUR ? SIX : FOUR;
      await using socket = await open();
      for (const method of ["joinMulticast", "leaveMulticast"] as const) {
        const act = (group: string, local?: string) => () =>
          socket[method](group, local);
        await assertRejects(act(other.group), TypeError);
        await assertRejects(act(at.group, other.local), TypeError);
      }
    });

    it("no multicast address, or no address: TypeError", async () => {
      await using socket = await open();
      const groups = [
        ...[at.local, at.foreign, at.any, "localhost", "", "239.0.0.256"],
        ...["255.255.255.255", "223.255.255.255", "240.0.0.0", "fe80::1"],
        ...["::ffff:239.255.70.7", "ff02::1%lo", null, undefined, 1],
      ];
      for (const method of ["joinMulticast", "leaveMulticast"] as const) {
        for (const group of groups) {
          const act = () => socket[method](untyped(group), at.interface);
          await assertRejects(act, TypeError);
        }
        for (const local of ["localhost", "", "lo", 1, null]) {
          const act = () => socket[method](at.group, untyped(local));
          await assertRejects(act, TypeError);
        }
      }
      await socket.close();
      await assertRejects(() => socket.joinMulticast("10.0.0.1"), TypeError);
    });

    it("closed: EBADF", async () => {
      const socket = await open();
      await socket.joinMulticast(at.group, at.interface);
      await socket.close();
      const join = () => socket.joinMulticast(at.group, at.interface);
      await assertRejectsWith("EBADF", join);
      const leave = () => socket.leaveMulticast(at.group, at.interface);
      await assertRejectsWith("EBADF", leave);
    });

    it("two sockets share a port by reuseAddress", options, async () => {
      await using one = await open({ reuseAddress: true });
      const { port } = one.addr;
      await using two = await open({ reuseAddress: true, port });
      assertEquals(two.addr, one.addr);
      await assertRejectsWith("EADDRINUSE", () => open({ port }));
      await assertRejectsWith(
        "EADDRINUSE",
        () => open({ port, reuseAddress: false }),
      );
      // It sends and receives as any other.
      await using socket = await open({ hostname: at.local });
      await socket.sendTo("hello", { hostname: at.local, port });
      const [data, from] = await Promise.race([one.recvFrom(), two.recvFrom()]);
      assertEquals([data.length, from], [5, socket.addr]);
    });
  });
}

it("IPv6: an interface is named by a scope as well", options, async () => {
  await using socket = await bind({ hostname: "::", port: 0 });
  const { group } = SIX;
  await socket.joinMulticast(group, `::%${LOOPBACK}`);
  const again = () => socket.joinMulticast(group, "::1");
  await assertRejectsWith("EADDRINUSE", again);
  await socket.leaveMulticast(group, `::1%${LOOPBACK}`);
  const unknown = () => socket.joinMulticast(group, "::%no-such0");
  await assertRejectsWith("ENODEV", unknown);
});

it("a group's datagrams come to all its members", options, async () => {
  const { any, local, group } = FOUR;
  const member = async (port: number, more = {}): Promise<DatagramSocket> => {
    const socket = await bind({ hostname: any, port, ...more });
    await socket.joinMulticast(group, local);
    return socket;
  };
  await using one = await member(0, { reuseAddress: true });
  const { port } = one.addr;
  await using two = await member(port, { reuseAddress: true });
  await using alone = await member(0);
  // Bound to the interface's address, it sends there.
  for (const more of [{}, { multicastTtl: 2 }, { multicastLoopback: true }]) {
    await using sender = await bind({ hostname: local, port: 0, ...more });
    await sender.sendTo("all", { hostname: group, port });
    assertEquals([await recvText(one), await recvText(two)], ["all", "all"]);
    await sender.sendTo("one", { hostname: group, port: alone.addr.port });
    assertEquals(await alone.recvFrom(), [
      new TextEncoder().encode("one"),
      sender.addr,
    ]);
  }
  await using sender = await bind({ hostname: local, port: 0 });
  await two.leaveMulticast(group, local);
  await alone.leaveMulticast(group, local);
  await sender.sendTo("left", { hostname: group, port });
  assertEquals(await recvText(one), "left");
});

it("Python shares the port, and reads the TTL", options, async () => {
  const { local, group } = FOUR;
  await using socket = await bind({
    hostname: "0.0.0.0",
    port: 0,
    reuseAddress: true,
  });
  const { port } = socket.addr;
  await socket.joinMulticast(group, local);
  await using peer = start(python(
    `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if sys.platform == "darwin":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("", int(args[1])))
group = socket.inet_aton(args[0]) + socket.inet_aton("127.0.0.1")
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
IP_RECVTTL = 12
if sys.platform == "linux":
    s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
print("ready", flush=True)
for _ in range(3):
    data, rest, _, peer = s.recvmsg(100, 100)
    ttl = struct.unpack("i", rest[0][2])[0] if rest else 0
    print(data.decode(), ttl, flush=True)
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
    socket.inet_aton("127.0.0.1"))
out.sendto(b"from Python", (args[0], int(args[1])))`,
    group,
    port,
  ));
  assertEquals(await peer.line(), "ready");
  for (const multicastTtl of [undefined, 1, 77]) {
    await using sender = await bind({
      hostname: local,
      port: 0,
      multicastTtl,
    });
    await sender.sendTo(`ttl`, { hostname: group, port });
    assertEquals(await recvText(socket), "ttl");
    const ttl = platform === "linux" ? multicastTtl ?? 1 : 0;
    assertEquals(await peer.line(), `ttl ${ttl}`);
  }
  assertEquals(await recvText(socket), "from Python");
});

describe("wrong options of bind", () => {
  const wrong = [
    [{ multicastTtl: -1 }, RangeError],
    [{ multicastTtl: 256 }, RangeError],
    [{ multicastTtl: 1.5 }, RangeError],
    [{ multicastTtl: "1" }, TypeError],
    [{ multicastTtl: null }, TypeError],
    [{ multicastLoopback: 1 }, TypeError],
    [{ multicastLoopback: null }, TypeError],
    [{ reuseAddress: "yes" }, TypeError],
    [{ reuseAddress: 0 }, TypeError],
  ] as const;
  for (const [more, type] of wrong) {
    it(`${JSON.stringify(more)}: ${type.name}`, async () => {
      await assertRejects(() => bind(untyped({ port: 0, ...more })), type);
    });
  }
  it("undefined is as absent", async () => {
    await using socket = await bind({
      port: 0,
      reuseAddress: undefined,
      multicastTtl: undefined,
      multicastLoopback: undefined,
    });
    assert(socket.addr.port > 0);
  });
  it("multicastTtl on IPv6: ENOTSUP on Deno alone", async () => {
    const open = (multicastTtl: number) =>
      bind({ hostname: "::1", port: 0, multicastTtl });
    await (await open(1)).close();
    if (onDeno) await assertRejectsWith("ENOTSUP", () => open(2));
    else await (await open(2)).close();
  });
});
