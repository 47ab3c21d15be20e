// The workers of cluster.ts, which share a port.
import { it } from "node:test";
import { connect, formatAddress } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { signal } from "../support/examples.ts";
import { noSharedPorts } from "../support/platform.ts";
import { type Runtime, runtimes, start } from "../support/programs.ts";

const options = { timeout: 60_000, skip: noSharedPorts() };

function command({ name, command }: Runtime, ...args: string[]): string[] {
  const flags = name === "deno" ? ["--unstable-net"] : [];
  return [...command, ...flags, "examples/cluster.ts", "--port", "0", ...args];
}

for (const runtime of runtimes) {
  it(`cluster.ts on ${runtime.name} serves by workers`, options, async () => {
    await using program = start(command(runtime, "--workers", "2"));
    const line = await program.line();
    const port = Number(line.split(":").at(-1));
    const hostname = "127.0.0.1";
    const addr = formatAddress({ transport: "tcp", hostname, port });
    assertEquals(line, `listening on ${addr}`);
    await Promise.all(Array.from({ length: 40 }, async (_, i) => {
      await using conn = await connect({ port });
      await conn.send(`client ${i}`);
      await conn.closeWrite();
      assertEquals(text(await recvAll(conn)), `client ${i}`);
    }));
    signal(program, "SIGINT");
    assertEquals((await program.ended).status, 0);
  });
}
