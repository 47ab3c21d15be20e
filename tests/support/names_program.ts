// What names and addresses come to, in a network of its own: see
// tests/e2e/names_test.ts.
import process from "node:process";
import { bind, connect, type Connection, listen } from "../../mod.ts";
import { UNREACHABLE } from "./namespace.ts";
import { sockets } from "./proc.ts";
import { python, start } from "./programs.ts";
import { silentPeer } from "./silent_peer.ts";
import { until } from "./wait.ts";

/** The code of what it rejects with. */
async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return "none";
  } catch (error) {
    return String(Reflect.get(Object(error), "code"));
  }
}

async function timed<T>(act: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await act();
  return [result, Math.round(performance.now() - start)];
}

const PYTHON_MEMBER = `
group, port, index = args[0], int(args[1]), socket.if_nametoindex("net0")
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", port))
request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
print("ready", flush=True)
print("Python: " + s.recv(100).decode(), flush=True)
out = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
out.sendto(b"from Python", (group, port, 0, index))
`;

const scenarios: Record<string, () => Promise<unknown>> = {
  async "a name with both families"() {
    await using listener = await listen({ hostname: "localhost", port: 0 });
    await using four = await bind({ hostname: "localhost", port: 0 });
    await using six = await bind({ hostname: "::1", port: 0 });
    const sent = [];
    for (const own of ["127.0.0.1", "0.0.0.0", "::"]) {
      await using socket = await bind({ hostname: own, port: 0 });
      await socket.sendTo(own, { hostname: "localhost", port: four.addr.port });
      sent.push(new TextDecoder().decode((await four.recvFrom())[0]));
    }
    await using other = await bind({ hostname: "::1", port: 0 });
    await other.sendTo("six", { ...six.addr, hostname: "localhost" });
    sent.push(new TextDecoder().decode((await six.recvFrom())[0]));
    const wrong = { hostname: "six.test", port: 9 };
    return {
      listener: listener.addr.hostname,
      socket: four.addr.hostname,
      sent,
      wrongFamily: await codeOf(() => four.sendTo("x", wrong)),
    };
  },

  async "a name with one address taken"() {
    await using second = await listen({ hostname: "127.0.0.2", port: 0 });
    const { port } = second.addr;
    await using first = await listen({ hostname: "three.test", port });
    const again = () => listen({ hostname: "three.test", port });
    const six = await bind({ hostname: "six.test", port: 0 });
    await six.close();
    return {
      first: first.addr.hostname,
      again: await codeOf(again),
      six: six.addr.hostname,
    };
  },

  async "connect opens one connection"() {
    await using one = await listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = one.addr;
    await using two = await listen({ hostname: "127.0.0.2", port });
    await using three = await listen({ hostname: "127.0.0.3", port });
    const accepted: Connection[] = [];
    for (const listener of [one, two, three]) {
      (async () => {
        for await (const conn of listener) accepted.push(conn);
      })();
    }
    const to = { hostname: "three.test", port };
    await using client = await connect(to);
    const { signal } = new AbortController();
    await using other = await connect({ ...to, signal });
    await until(() => accepted.length >= 2);
    // What was opened as well would be accepted before this one.
    await using last = await connect({ hostname: "127.0.0.3", port });
    await using last2 = await connect({ hostname: "127.0.0.2", port });
    await until(() => accepted.length >= 4);
    const remotes = [client, other, last, last2].map(({ remoteAddr }) =>
      remoteAddr.transport === "tcp" && remoteAddr.hostname
    );
    for (const conn of accepted) await conn.close();
    return { accepted: accepted.length, remotes };
  },

  async "an address that refuses delays nothing"() {
    await using three = await listen({ hostname: "127.0.0.3", port: 0 });
    const { port } = three.addr;
    // The first lookup loads what it needs.
    await connect({ hostname: "three.test", port }).then((c) => c.close());
    const [conn, time] = await timed(() =>
      connect({ hostname: "three.test", port })
    );
    await conn.close();
    return { soon: time < 100 || time };
  },

  async "an address that is silent delays little, and is let go"() {
    await using silent = await silentPeer("127.0.0.1");
    const { port } = silent;
    await using two = await listen({ hostname: "127.0.0.2", port });
    const free = sockets();
    const [conn, time] = await timed(() =>
      connect({ hostname: "three.test", port })
    );
    await using server = await two.accept();
    await until(() => sockets() <= free + 2);
    await conn.send("alive");
    const said = new TextDecoder().decode(await server.recv() ?? undefined);
    await conn.close();
    return { said, inTime: time > 150 && time < 1000 || time };
  },

  async "no address answers"() {
    return {
      refused: await codeOf(() => connect({ hostname: "three.test", port: 9 })),
    };
  },

  async "routes that fail"() {
    const codes: Record<string, string[]> = {};
    await using four = await bind({ hostname: "0.0.0.0", port: 0 });
    await using six = await bind({ hostname: "::", port: 0 });
    const { signal } = new AbortController();
    for (const hostname of Object.keys(UNREACHABLE)) {
      const to = { hostname, port: 9 };
      const socket = hostname.includes(":") ? six : four;
      codes[hostname] = [
        await codeOf(() => connect(to)),
        await codeOf(() => connect({ ...to, signal })),
        await codeOf(() => connect({ ...to, tls: true })),
        await codeOf(() => socket.sendTo("x", to)),
      ];
    }
    return codes;
  },

  async "from a loopback address to the outside"() {
    await using socket = await bind({ port: 0 });
    try {
      await socket.sendTo("x", { hostname: "198.18.5.2", port: 9 });
    } catch (error) {
      return String(error);
    }
  },

  async "a group on an interface of its own"() {
    const results: Record<string, unknown> = {};
    const nets = [
      { own: "198.18.5.1", any: "0.0.0.0", group: "239.255.70.7", scope: "" },
      { own: "fd00:70::1", any: "::", group: "ff02::7007", scope: "%net0" },
    ];
    for (const { own, any, group, scope } of nets) {
      await using member = await bind({ hostname: any, port: 0 });
      const { port } = member.addr;
      await member.joinMulticast(group, own);
      const to = { hostname: `${group}${scope}`, port };
      await using quiet = await bind({
        hostname: own,
        port: 0,
        multicastLoopback: false,
      });
      await quiet.sendTo("quiet", to);
      await using sender = await bind({ hostname: own, port: 0 });
      await sender.sendTo("hello", to);
      const [data, from] = await member.recvFrom();
      results[own] = [
        new TextDecoder().decode(data),
        from.port === sender.addr.port,
      ];
    }
    return results;
  },

  async "a group of IPv6 that Python shares"() {
    const group = "ff02::7009";
    const at = { hostname: "::", port: 0, reuseAddress: true };
    await using member = await bind(at);
    const { port } = member.addr;
    await member.joinMulticast(group, "fd00:70::1");
    await using peer = start(python(PYTHON_MEMBER, group, port));
    const heard = [await peer.line()];
    await using sender = await bind({ hostname: "::", port: 0 });
    await sender.sendTo("to all", { hostname: `${group}%net0`, port });
    heard.push(await peer.line());
    for (let i = 0; i < 2; i++) {
      heard.push(new TextDecoder().decode((await member.recvFrom())[0]));
    }
    return heard;
  },

  async "a link-local sender"() {
    await using socket = await bind({ hostname: "::", port: 0 });
    await using sender = await bind({ hostname: "::", port: 0 });
    const { port } = socket.addr;
    await sender.sendTo("x", { hostname: "fe80::70:1%net0", port });
    return (await socket.recvFrom())[1].hostname;
  },

  async "a peer that never answers"() {
    await using silent = await silentPeer("127.0.0.1");
    const { port } = silent;
    const { signal } = new AbortController();
    return await Promise.all([
      codeOf(() => connect({ port })),
      codeOf(() => connect({ port, signal })),
    ]);
  },
};

for (const [name, scenario] of Object.entries(scenarios)) {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve("not in time"), 10_000);
  const result = await Promise.race([
    scenario().catch((error) => `${error?.stack}`),
    late.promise,
  ]);
  clearTimeout(timer);
  console.log(JSON.stringify([name, result]));
}
// Only what a call left behind could keep the process alive now.
process.stdin.destroy();
