// Ports shared by several listeners.
import { describe, it } from "node:test";
import { connect, formatAddress, listen } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { signal } from "../support/examples.ts";
import { noSharedPorts } from "../support/platform.ts";
import { type Runtime, runtimes, start } from "../support/programs.ts";

const options = { timeout: 60_000, skip: noSharedPorts() };

function command({ name, command }: Runtime, ...args: string[]): string[] {
  const flags = name === "deno" ? ["--unstable-net"] : [];
  return [...command, ...flags, "examples/cluster.ts", "--port", "0", ...args];
}

describe("reusePort", () => {
  it("lets two listeners share a port, or says why not", options, async () => {
    const shared = { port: 0, reusePort: true };
    const mayShare = "Bun" in globalThis ||
      "listenDatagram" in Reflect.get(globalThis, "Deno");
    if (!mayShare) {
      console.log("Deno runs without --unstable-net");
      const error = await assertRejectsWith("ENOTSUP", () => listen(shared));
      assert(error.message.includes("--unstable-net"), error.message);
      return;
    }
    await using first = await listen(shared);
    await using second = await listen({ ...shared, port: first.addr.port });
    assertEquals(second.addr, first.addr);
  });
  it("is not for those who do not ask for it", async () => {
    await using first = await listen({ port: 0 });
    const { port } = first.addr;
    await assertRejectsWith("EADDRINUSE", () => listen({ port }));
  });
});

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
