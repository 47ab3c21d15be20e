// `ping` against echo servers without faults: ours and independent ones.
import { spawnSync } from "node:child_process";
import { it } from "node:test";
import { type Address, formatAddress, serveEcho } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { freePort, options } from "../support/examples.ts";
import { assertIntact, pingHere, targetIn } from "../support/ping.ts";
import { python, start } from "../support/programs.ts";
import { pathOf, testEachTransport } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MIB = 1024 * 1024;

/** An independent echo server; serves one client at a time. */
const PYTHON = `
import ssl
kind, at = args[0], args[1]
if kind == "unix":
    server = socket.socket(socket.AF_UNIX)
    server.bind(at)
    server.listen()
    print("listening on unix:" + at, flush=True)
else:
    family = socket.AF_INET6 if ":" in at else socket.AF_INET
    server = socket.create_server((at, 0), family=family)
    host = "[%s]" % at if ":" in at else at
    kind = "tls " if len(args) > 2 else ""
    print("listening on %s%s:%d" % (kind, host, server.getsockname()[1]), flush=True)
if len(args) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args[2], args[3])
while True:
    server.settimeout(None)
    conn, _ = server.accept()
    if len(args) > 2:
        conn = context.wrap_socket(conn, server_side=True)
    while data := conn.recv(65536):
        conn.sendall(data)
    if len(args) > 2:
        conn = conn.unwrap()
    conn.close()
`;

const PYTHON_UDP = `
family = socket.AF_INET6 if ":" in args[0] else socket.AF_INET
server = socket.socket(family, socket.SOCK_DGRAM)
server.bind((args[0], 0))
host = "[%s]" % args[0] if ":" in args[0] else args[0]
print("listening on udp %s:%d" % (host, server.getsockname()[1]), flush=True)
server.settimeout(None)
while True:
    server.sendto(*server.recvfrom(65536))
`;

const pythonServers: Record<string, () => string[]> = {
  "TCP": () => python(PYTHON, "tcp", "127.0.0.1"),
  "TCP/IPv6": () => python(PYTHON, "tcp", "::1"),
  "Unix": () => python(PYTHON, "unix", pathOf()),
  "UDP": () => python(PYTHON_UDP, "127.0.0.1"),
  "UDP/IPv6": () => python(PYTHON_UDP, "::1"),
};
if (certificates !== undefined) {
  const { certFile, keyFile } = certificates;
  pythonServers.TLS = () =>
    python(PYTHON, "tls", "127.0.0.1", certFile, keyFile);
}

/** Programs that run `cat` for one client. */
const cats: [name: string, command: (port: number) => string[]][] = [
  ["socat", (port) => [
    ...["socat", "-d", "-d", "-t", "20"],
    ...[`TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr`, "EXEC:cat"],
  ]],
  [
    "ncat",
    (port) => ["ncat", "-v", "-l", "127.0.0.1", `${port}`, "-e", "/bin/cat"],
  ],
];

for (const [name, command] of Object.entries(pythonServers)) {
  it(`all comes back from Python, ${name}`, options, async () => {
    await using server = start(command());
    const target = targetIn(await server.line());
    const sizes = name.startsWith("UDP")
      ? ["0", "1", "56", "65507"]
      : ["1", "56", "100000"];
    for (const size of sizes) {
      const args = [...target, "-c", "5", "-i", "0", "--size", size];
      const document = await pingHere(...args);
      assertIntact(document, 5);
      assertEquals(`${document.size}`, size);
    }
  });
}

for (const [name, command] of cats) {
  const missing = spawnSync(name, ["-h"]).error !== undefined;
  const skip = missing && `There is no ${name}`;
  it(`all comes back from ${name}`, { ...options, skip }, async () => {
    const port = await freePort();
    await using server = start(command(port));
    let printed = "";
    server.process.stderr?.on("data", (data) => printed += data);
    await until(() => /listening on .*:\d+$/im.test(printed));
    const three = ["-s", "100000", "-c", "3", "-i", "0"];
    assertIntact(await pingHere(`127.0.0.1:${port}`, ...three), 3);
  });
}

/** Returns the arguments of `ping` for a server of this package. */
function targetOf({ addr }: { addr: Address }, secure = false): string[] {
  const kind = secure ? "tls " : addr.transport === "udp" ? "udp " : "";
  return targetIn(`listening on ${kind}${formatAddress(addr)}`);
}

testEachTransport("4 MiB messages come back", async (transport) => {
  await using server = await serveEcho(transport.listenOptions());
  const target = targetOf(server, transport.name === "TLS");
  const large = [...target, "-s", `${4 * MIB}`, "-W", "30"];
  assertIntact(await pingHere(...large, "-c", "2", "-i", "0"), 2);
  // Further messages are sent before the first is back.
  assertIntact(await pingHere(...large, "-c", "6", "-i", "0.001"), 6);
});

it("many at once come back over UDP", options, async () => {
  await using server = await serveEcho({ transport: "udp", port: 0 });
  const many = [...targetOf(server), "-c100", "-i", "0.001"];
  assertIntact(await pingHere(...many), 100);
});

it("ping resolves names, and keeps the interval", options, async () => {
  await using server = await serveEcho({ port: 0 });
  const target = `localhost:${server.addr.port}`;
  const document = await pingHere(target, "-c", "3", "-i", "0.2");
  assertIntact(document, 3);
  assertEquals(document.target, target);
  assert(document.duration >= 390, `${document.duration} ms`);
});
