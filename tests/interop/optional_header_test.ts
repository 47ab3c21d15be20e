// A server that speaks first behind `proxyProtocol` with `optional`: a balancer
// sends its header at once, a health check and a direct client do not.
import { describe, it } from "node:test";
import {
  type Address,
  formatAddress,
  type NetAddress,
  serve,
  type Server,
  type SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { freePort } from "../support/examples.ts";
import { haproxy, withHaproxy } from "../support/haproxy.ts";
import { connectThrough, withPrograms } from "../support/peers.ts";
import { output, python, start } from "../support/programs.ts";
import { portOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

/** Greets each client by its name, and echoes. */
async function serveNames(): Promise<{
  server: Server<NetAddress>;
  names: string[];
  rejects: [Address, SocketError][];
}> {
  const names: string[] = [];
  const rejects: [Address, SocketError][] = [];
  const server = await serve({
    port: 0,
    proxyProtocol: { trustedProxies: ["127.0.0.1"], optional: true },
    onReject: (addr, error) => void rejects.push([addr, error]),
  }, async (conn) => {
    const name = formatAddress(conn.remoteAddr);
    names.push(name);
    await conn.send(`hello ${name}\n`);
    await conn.pipeTo(conn);
  });
  return { server, names, rejects };
}

it("a network balancer, its health check, a direct client", {
  timeout: 30_000,
}, async () => {
  const { server, names, rejects } = await serveNames();
  await using _server = server;
  // Each waits for the greeting before it sends more than its header.
  const script = `
port = int(args[0])
def client(*parts):
    s = socket.create_connection(("127.0.0.1", port))
    own = "127.0.0.1:%d" % s.getsockname()[1]
    for part in parts:
        s.sendall(part)
    greeting = s.makefile().readline().strip()
    s.sendall(b"and on")
    assert s.recv(100) == b"and on"
    s.close()
    return greeting, own
ends = struct.pack("!4s4sHH", bytes([203, 0, 113, 7]), bytes([198, 51, 100, 1]), 51000, 443)
v2 = b"\\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x21\\x11" + struct.pack("!H", 12 + 4) + ends
# As AWS does, with a TLV of its own, here of no use.
print(client(v2 + b"\\xea\\0\\1x")[0])
print(client(b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\\r\\n")[0])
# A PROXY header cut anywhere.
print(client(v2[:5], v2[5:20], v2[20:] + b"\\xea\\0\\1x")[0])
greeting, own = client()
print(greeting == "hello " + own)
# A health check: it connects, and closes at once, or as soon as it is greeted.
socket.create_connection(("127.0.0.1", port)).close()
s = socket.create_connection(("127.0.0.1", port))
print(s.recv(5).decode())
s.close()
# Half a header, and no more.
s = socket.create_connection(("127.0.0.1", port))
s.sendall(v2[:20])
s.shutdown(socket.SHUT_WR)
try:
    print(s.recv(100))
except ConnectionResetError:
    print(b"")
`;
  const printed = await output(python(script, server.addr.port));
  assertEquals(printed.trim().split("\n"), [
    "hello 203.0.113.7:51000",
    "hello [2001:db8::7]:51000",
    "hello 203.0.113.7:51000",
    "True",
    "hello",
    "b''",
  ]);
  await until(() => rejects.length > 0);
  assertEquals(rejects.map(([, { code }]) => code), ["EPROTO"]);
  assert(names.length >= 5);
});

describe("ncat and socat", () => {
  for (const program of ["ncat", "socat"]) {
    it(`${program} comes without a header`, withPrograms(program), async () => {
      const { server, names } = await serveNames();
      await using _server = server;
      const { port } = server.addr;
      const command = program === "ncat"
        ? ["ncat", "127.0.0.1", `${port}`]
        : ["socat", "-", `TCP:127.0.0.1:${port}`];
      await using client = start(command);
      const greeting = await client.line();
      assertEquals(greeting, `hello ${names[0]}`);
      client.process.stdin?.write("again\n");
      assertEquals(await client.line(), "again");
    });
  }
});

it("HAProxy with a header, its check without one", withHaproxy, async () => {
  const { server, names } = await serveNames();
  await using _server = server;
  const port = await freePort();
  const app = `127.0.0.1:${portOf(server.addr)} send-proxy-v2`;
  // By default the check of a server with its own port has no header.
  const check = `check port ${portOf(server.addr)} inter 50`;
  await using front = haproxy(
    `127.0.0.1:${port}`,
    `${app} ${check}`,
    "  option tcp-check\n  tcp-check expect rstring ^hello\n",
  );
  await until(() => names.length >= 2);
  const checked = names.length;
  await using conn = await connectThrough(front, { port });
  const greeting = text(await conn.recvUntil("\n"));
  assertEquals(greeting, `hello ${formatAddress(conn.localAddr)}\n`);
  // The checks go on.
  await until(() => names.length > checked + 2);
});
