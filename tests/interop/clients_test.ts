// Other people's programs as clients of the servers, on every transport.
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import {
  type Address,
  serveEcho,
  type ServeEchoOptions,
  serveGreeting,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { options as patience } from "../support/examples.ts";
import { largestDatagram } from "../support/platform.ts";
import { output, type Program, python, start } from "../support/programs.ts";
import { type TransportName, transports } from "../support/transports.ts";

// Fewer than `createInterface` holds before it stops the program's output.
const lines = Array.from(
  { length: 1000 },
  (_, i) => `${i} ${"x".repeat(i % 500)}\n`,
).join("");
const message = "Hello, client!";
const caFile = certificates?.caFile ?? "";

/** Where a server listens: a port, or the path of a Unix socket. */
interface Place {
  port: number;
  path: string;
}

function placeOf({ addr }: { addr: Address }): Place {
  return addr.transport === "unix"
    ? { port: 0, path: addr.path }
    : { port: addr.port, path: "" };
}

/** How a program reaches a server on each transport that it knows. */
type Reach = Partial<Record<TransportName, (server: Place) => string[]>>;

/** Options to listen at a new place. */
const places = new Map<TransportName, () => ServeEchoOptions>();
for (const { name, listenOptions } of transports) {
  places.set(name, () => listenOptions());
}
places.set("UDP", () => ({ transport: "udp", port: 0 }));

const programs: Record<string, Reach> = {
  socat: {
    "TCP/IPv4": ({ port }) => [`TCP:127.0.0.1:${port}`],
    "TCP/IPv6": ({ port }) => [`TCP:[::1]:${port}`],
    "Unix": ({ path }) => [`UNIX-CONNECT:${path}`],
    "TLS": ({ port }) => [`OPENSSL:127.0.0.1:${port},cafile=${caFile}`],
    "UDP": ({ port }) => [`UDP:127.0.0.1:${port}`],
  },
  ncat: {
    "TCP/IPv4": ({ port }) => ["127.0.0.1", `${port}`],
    "TCP/IPv6": ({ port }) => ["-6", "::1", `${port}`],
    "Unix": ({ path }) => ["-U", path],
    "TLS": ({ port }) => [
      ...["-4", "--ssl", "--ssl-verify", "--ssl-trustfile", caFile],
      ...["localhost", `${port}`],
    ],
    "UDP": ({ port }) => ["-u", "127.0.0.1", `${port}`],
  },
  openssl: {
    // Without `-quiet` a line may be one of its commands.
    "TLS": ({ port }) => [
      ...["-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1"],
      ...["-CAfile", caFile, "-connect", `127.0.0.1:${port}`],
    ],
  },
};

const first: Record<string, string[]> = {
  // How long it waits for the answer after its own end.
  socat: ["socat", "-t", "20", "STDIO"],
  ncat: ["ncat"],
  openssl: ["openssl", "s_client"],
};

/** ncat leaves what of a TLS record it did not read at once for later. */
function halting(name: string, transport: TransportName): boolean {
  return name === "ncat" && transport === "TLS";
}

function write(program: Program, text: string): void {
  const { stdin } = program.process;
  assert(stdin !== null);
  stdin.write(text);
}

/** Sends lines, and reads as many. */
async function readBack(program: Program, text: string): Promise<void> {
  write(program, text);
  for (const line of text.split("\n").slice(0, -1)) {
    assertEquals(await program.line(), line);
  }
}

for (const [name, reach] of Object.entries(programs)) {
  if (spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0) {
    console.log(`Skipped: there is no ${name}`);
    continue;
  }
  describe(name, () => {
    for (const [transport, options] of places) {
      const args = reach[transport];
      if (args === undefined) continue;
      const command = (server: { addr: Address }) => [
        ...first[name],
        ...args(placeOf(server)),
      ];
      it(`lines come back, ${transport}`, patience, async () => {
        await using server = await serveEcho(options());
        await using peer = start(command(server));
        const few = transport === "UDP" || halting(name, transport);
        await readBack(peer, few ? "one\n" : lines);
        if (few) await readBack(peer, "two\n");
      });
      // Its own end would be the end of what it reads.
      if (transport === "UDP" || name === "openssl") continue;
      it(`all comes back after its end, ${transport}`, patience, async () => {
        await using server = await serveEcho(options());
        await using peer = start(command(server));
        write(peer, lines);
        peer.process.stdin?.end();
        const { stdout, stderr, status } = await peer.ended;
        assertEquals(status, 0, stderr);
        assertEquals(stdout.length, lines.length, stderr);
        assert(stdout === lines, "Other lines came back");
      });
      it(`a greeting ends it, ${transport}`, patience, async () => {
        await using server = await serveGreeting({ ...options(), message });
        const shell = ["sh", "-c", `"$@" </dev/null`, "sh"];
        const printed = await output([...shell, ...command(server)]);
        assertEquals(printed, message);
      });
    }
  });
}

/** Connects `s` to the server that the arguments name. */
const CONNECT = `
import hashlib, ssl
kind, path, port = args[0], args[1], int(args[2])
if kind == "Unix":
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
elif kind == "UDP":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", port))
else:
    s = socket.create_connection(("::1" if kind == "TCP/IPv6" else "127.0.0.1", port))
if kind == "TLS":
    context = ssl.create_default_context(cafile=args[3])
    # Without a close_notify, an end is an error.
    s = context.wrap_socket(s, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
def to_end():
    return b"".join(iter(lambda: s.recv(1 << 16), b""))
`;

function visit(
  transport: TransportName,
  server: { addr: Address },
  body: string,
): Promise<string> {
  const { path, port } = placeOf(server);
  return output(python(CONNECT + body, transport, path, port, caFile));
}

describe("Python", () => {
  for (const [transport, options] of places) {
    if (transport === "UDP") continue;
    it(`8 MiB come back, then both end, ${transport}`, patience, async () => {
      await using server = await serveEcho(options());
      const body = `
import random
# In turns, for two threads must not share an SSL object in Python.
same = True
for i in range(128):
    data, received = random.randbytes(1 << 16), bytearray()
    s.sendall(data)
    while len(received) < len(data):
        part = s.recv(1 << 18)
        assert part, "It ended early"
        received += part
    same = same and received == data
print(same)
if kind == "TLS":
    s = s.unwrap()
else:
    s.shutdown(socket.SHUT_WR)
print(s.recv(1))
`;
      assertEquals(await visit(transport, server, body), "True\nb''\n");
    });

    it(
      `a greeting is read to a clean end, ${transport}`,
      patience,
      async () => {
        await using server = await serveGreeting({ ...options(), message });
        const printed = await visit(transport, server, "print(to_end())");
        assertEquals(printed, "b'Hello, client!'\n");
      },
    );
  }

  it("datagrams of all sizes come back", patience, async () => {
    await using server = await serveEcho({ transport: "udp", port: 0 });
    const body = `
for length in ${largestDatagram()}, 1, 0:
    data = bytes(i * 7 % 251 for i in range(length))
    s.send(data)
    print(s.recv(1 << 16) == data)
`;
    const printed = await visit("UDP", server, body);
    assertEquals(printed, "True\n".repeat(3));
  });
});
