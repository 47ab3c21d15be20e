// Names with several addresses and routes that fail, in a network of its own
// with a hosts file like Debian's, on every runtime.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals } from "../support/assert.ts";
import { freePort } from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { inNamespace, noNamespace, UNREACHABLE } from "../support/namespace.ts";
import { deno, output, runtimes } from "../support/programs.ts";

const PROGRAM = new URL("../support/names_program.ts", import.meta.url);
const options = { timeout: 120_000, skip: noNamespace() };

const expected: Record<string, unknown> = {
  "a name with both families": {
    listener: "127.0.0.1",
    socket: "127.0.0.1",
    sent: ["127.0.0.1", "0.0.0.0", "::", "six"],
    wrongFamily: "ENOTFOUND",
  },
  "a name with one address taken": {
    first: "127.0.0.1",
    again: "EADDRINUSE",
    six: "::1",
  },
  "connect opens one connection": {
    accepted: 4,
    remotes: ["127.0.0.1", "127.0.0.1", "127.0.0.3", "127.0.0.2"],
  },
  "an address that refuses delays nothing": { soon: true },
  "an address that is silent delays little, and is let go": {
    said: "alive",
    inTime: true,
  },
  "no address answers": { refused: "ECONNREFUSED" },
  "routes that fail": Object.fromEntries(
    Object.entries(UNREACHABLE).map(([hostname, code]) =>
      [hostname, Array(4).fill(code)] as const
    ),
  ),
  "from a loopback address to the outside":
    "SocketError: Cannot send to 198.18.5.2:9 (EINVAL): " +
    'a socket bound to 127.0.0.1 reaches this machine only, bind "0.0.0.0"',
  "a group on an interface of its own": {
    "198.18.5.1": ["hello", true],
    "fd00:70::1": ["hello", true],
  },
  "a group of IPv6 that Python shares": [
    ...["ready", "Python: to all", "to all", "from Python"],
  ],
  "a peer that never answers": ["ETIMEDOUT", "ETIMEDOUT"],
};

const flags = { name: "deno --unstable-net", command: [...deno.command] };
flags.command.splice(2, 0, "--unstable-net");

for (const { name, command } of [...runtimes, flags]) {
  describe(`in a network of its own, ${name}`, () => {
    let results: Promise<Map<string, unknown>> | undefined;
    const run = async () => {
      const program = fileURLToPath(PROGRAM);
      const stdout = await output(inNamespace(...command, program));
      const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
      return new Map<string, unknown>(lines);
    };
    // Deno leaves out the interface.
    const sender = name.startsWith("deno") ? "fe80::70:1" : "fe80::70:1%net0";
    const all = { ...expected, "a link-local sender": sender };
    for (const [title, result] of Object.entries(all)) {
      // Deno tries the addresses itself, and on a busy machine now and then
      // takes ten seconds for it, or keeps the socket of the silent one.
      const isDenos = name.startsWith("deno") && title.includes("silent");
      if (isDenos) console.log(`Skipped on ${name}: ${title}`);
      it(
        title,
        isDenos ? { skip: "Deno's own connect" } : options,
        async () => {
          assertEquals((await (results ??= run())).get(title), result);
        },
      );
    }
  });
}

it("a name and its port are all the permission it takes", {
  timeout: 60_000,
}, async () => {
  const mod = new URL("../../mod.ts", import.meta.url);
  const port = await freePort();
  const program = `
import { bind, connect, listen } from "${mod}";
const at = { hostname: "localhost", port: ${port} };
await using listener = await listen(at);
await using conn = await connect(at);
await using socket = await bind(at);
await socket.sendTo("x", at);
console.log((await socket.recvFrom())[0].length);
`;
  const file = join(folder, "permitted.ts");
  writeFileSync(file, program);
  for (
    const host of [`localhost:${port}`, "localhost", "localhost,127.0.0.1"]
  ) {
    for (const flags of [[], ["--unstable-net"]]) {
      const [name] = deno.command;
      const permissions = ["--no-prompt", `--allow-net=${host}`];
      const command = [name, "run", "--no-check", ...flags, ...permissions];
      assertEquals(await output([...command, file]), "1\n");
    }
  }
});
