// Unix sockets in processes of their own: Deno's permissions, a relative path.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { listen, type UnixConnectOptions } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { folder } from "../support/folder.ts";
import { noUnix } from "../support/platform.ts";
import { deno, output, python, runtimes } from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
const options = { timeout: 30_000, skip: noUnix() };

function at(path: string): UnixConnectOptions & { transport: "unix" } {
  return { transport: "unix", path };
}

for (const { name, command } of runtimes) {
  it(`a relative path stays the same on ${name}`, options, async () => {
    const [here, there] = ["here-", "there-"].map((prefix) =>
      mkdtempSync(join(folder, prefix))
    );
    writeFileSync(join(there, "x.sock"), "precious");
    const program = join(here, "relative.ts");
    writeFileSync(
      program,
      `import process from "node:process";
import { connect, listen } from ${MOD};
process.chdir(${JSON.stringify(here)});
const listener = await listen({ transport: "unix", path: "x.sock" });
const client = await connect({ transport: "unix", path: "x.sock" });
const accepted = await listener.accept();
console.log(client.remoteAddr.path, accepted.localAddr.path);
await client.close();
await accepted.close();
process.chdir(${JSON.stringify(there)});
await listener.close();`,
    );
    assertEquals(await output([...command, program]), "x.sock x.sock\n");
    assertEquals(readFileSync(join(there, "x.sock"), "utf8"), "precious");
    assert(!existsSync(join(here, "x.sock")));
  });
}

describe("Deno's permissions", () => {
  /** Runs a program with these flags, `path` at hand; what it printed. */
  async function run(
    flags: string[],
    path: string,
    source: string,
  ): Promise<string> {
    const file = join(folder, "permissions.ts");
    writeFileSync(
      file,
      `import { connect, listen } from ${MOD};
const path = ${JSON.stringify(path)};
const transport = "unix";
${source}`,
    );
    const command = deno.command.filter((word) => word !== "-A");
    return await output([...command, "--no-prompt", ...flags, file]);
  }

  const flagsFor = (path: string) => [
    `--allow-read=${path}`,
    `--allow-write=${path}`,
    `--allow-net=unix:${path}`,
  ];

  for (const mode of ["undefined", "0o620"]) {
    it(`three are enough, with mode: ${mode}`, options, async () => {
      const path = pathOf();
      const printed = await run(
        flagsFor(path),
        path,
        `const listener = await listen({ transport, path, mode: ${mode} });
console.log((await Deno.lstat(path)).mode & 0o777);
const client = await connect({ transport, path });
const server = await listener.accept();
await client.send("hello");
console.log(new TextDecoder().decode(await server.recv()));
await Promise.all([client.close(), server.close(), listener.close()]);`,
      );
      const [bits, said] = printed.split("\n");
      if (mode !== "undefined") assertEquals(Number(bits), Number(mode));
      assertEquals(said, "hello");
      assert(!existsSync(path));
    });
  }

  it("three are enough for removeStale", options, async () => {
    const path = pathOf();
    await output(python("socket.socket(socket.AF_UNIX).bind(args[0])", path));
    const source = `
const listener = await listen({ transport, path, removeStale: true });
await listener.close();`;
    await run(flagsFor(path), path, source);
    assert(!existsSync(path));
  });

  it("three are enough to leave another's file", options, async () => {
    const path = pathOf();
    const source = `
const listener = await listen({ transport, path });
Deno.removeSync(path);
Deno.writeTextFileSync(path, "precious");
await listener.close();`;
    await run(flagsFor(path), path, source);
    assertEquals(readFileSync(path, "utf8"), "precious");
  });

  for (const flag of ["read", "write", "net"]) {
    it(`without --allow-${flag} it is EACCES`, options, async () => {
      const path = pathOf();
      await using _server = await listen(at(path));
      // So that nothing but the permission is in the way.
      chmodSync(path, 0o777);
      const flags = flagsFor(path).filter((given) => !given.includes(flag));
      const printed = await run(
        flags,
        path,
        `for (const open of [listen, connect]) {
  for (const mode of [undefined, 0o600]) {
    try {
      await open({ transport, path, mode });
      console.log("allowed");
    } catch ({ code, message }) {
      console.log(code, message);
    }
  }
}`,
      );
      const lines = printed.trim().split("\n");
      assertEquals(lines.length, 4, printed);
      for (const line of lines) {
        assert(line.startsWith("EACCES "), line);
        assert(line.includes(`--allow-${flag}`), line);
      }
      assert(lstatSync(path).isSocket());
    });
  }
});
