// Other people's programs over UDP; Deno's permissions and back ends.
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { bind, type SocketErrorCode } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { largestDatagram, onDeno } from "../support/platform.ts";
import { deno, output, python, start } from "../support/programs.ts";
import { deadPort, native, perFamily } from "../support/udp.ts";
import process from "node:process";

perFamily("Python is a peer, both ways", async (hostname) => {
  const family = hostname === "::1" ? "socket.AF_INET6" : "socket.AF_INET";
  const lengths = [5, 0, 1, 1472, largestDatagram()];
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
import { bind } from "${new URL("../../mod.ts", import.meta.url)}";
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
        const files = [
          "../udp/datagram_socket_test.ts",
          "../udp/names_test.ts",
          "../servers/serve_datagrams_test.ts",
        ]
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
