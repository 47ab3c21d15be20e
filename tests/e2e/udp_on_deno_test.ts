// UDP on Deno: its permissions, and its other back end.
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { SocketErrorCode } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { onDeno } from "../support/platform.ts";
import { deno, start } from "../support/programs.ts";
import { deadPort, native } from "../support/udp.ts";
import process from "node:process";

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
          "../udp/multicast_test.ts",
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
