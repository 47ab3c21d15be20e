// Unix sockets in processes of their own: Deno's permissions, a relative path.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, listen, type Listener } from "../../mod.ts";
import { only, scriptOf, signal } from "../support/examples.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { folder } from "../support/folder.ts";
import { noUnix } from "../support/platform.ts";
import { output, python, runtimes, start } from "../support/programs.ts";
import { at } from "../support/socket_files.ts";
import { pathOf } from "../support/transports.ts";

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
const options = { timeout: 30_000, skip: noUnix() };

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
import { connect, listen, type Listener } from ${MOD};
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

  it(
    `a folder too deep for an address will do on ${name}`,
    options,
    async () => {
      const top = mkdtempSync(join(folder, "deep-"));
      const deep = join(top, "d".repeat(100), "e".repeat(100));
      mkdirSync(deep, { recursive: true });
      const program = join(top, "deep.ts");
      writeFileSync(
        program,
        `import process from "node:process";
import { connect, listen, type Listener } from ${MOD};
process.chdir(${JSON.stringify(deep)});
for (const path of ["x.sock", "../x.sock"]) {
  process.chdir(${JSON.stringify(deep)});
  await (await listen({ transport: "unix", path })).close();
  const at = { transport: "unix", path, mode: 0o600, removeStale: true };
  const listener = await listen(at);
  const client = await connect({ transport: "unix", path });
  const error = await listen(at).catch((error) => error);
  process.chdir("/");
  await client.close();
  await listener.close();
  console.log(error.code);
}`,
      );
      const printed = await output([...command, program]);
      assertEquals(printed, "EADDRINUSE\n".repeat(2));
      assertEquals(readdirSync(deep), []);
      assertEquals(readdirSync(join(deep, "..")), ["e".repeat(100)]);
    },
  );

  it(
    `a file that cannot be removed is one line on ${name}`,
    options,
    async () => {
      const own = mkdtempSync(join(folder, "blocked-"));
      const path = join(own, "x.sock");
      await using server = start(
        [...command, ...scriptOf("parley echo", "--unix", path)],
      );
      await server.line();
      renameSync(own, `${own}-moved`);
      symlinkSync(own, own);
      const stopped = performance.now();
      signal(server, "SIGTERM");
      const { status, stderr } = await server.ended;
      assert(/^[^\n]+\n$/.test(stderr) && stderr.includes(path), stderr);
      assertEquals(status, 1);
      assert(performance.now() - stopped < 4000, "It waited for no client");
    },
  );

  // On Bun and Node.js a listener keeps the process alive.
  const ends = name === "deno" ? ["process.exit();", ""] : ["process.exit();"];
  for (const end of ends) {
    const how = end === "" ? "a program that ends" : end;
    it(`${how} removes the file on ${name}`, options, async () => {
      const path = pathOf();
      const program = join(folder, "exit.ts");
      writeFileSync(
        program,
        `import process from "node:process";
import { listen } from ${MOD};
await listen({ transport: "unix", path: process.argv[2] });
${end}`,
      );
      await output([...command, program, path]);
      assert(!existsSync(path));
    });
  }

  it(
    `of servers that start at once, one starts on ${name}`,
    options,
    async () => {
      const program = join(folder, "start.ts");
      writeFileSync(
        program,
        `import process from "node:process";
import { listen } from ${MOD};
const at = { transport: "unix", path: process.argv[2], removeStale: true };
console.log("ready");
process.stdin.once("data", async () => {
  const listener = await listen(at).catch(({ code }) => console.log(code));
  if (!listener) process.exit();
  console.log("listening");
  const clients = [];
  for await (const conn of listener) clients.push(conn);
});`,
      );
      const path = pathOf();
      await output(python("socket.socket(socket.AF_UNIX).bind(args[0])", path));
      const servers = Array.from(
        { length: 4 },
        () => start([...command, program, path]),
      );
      const said = [];
      try {
        for (const server of servers) await server.line();
        for (const server of servers) server.process.stdin?.write("\n");
        for (const server of servers) said.push(await server.line());
        await using _client = await connect(at(path));
      } finally {
        for (const server of servers) await server[Symbol.asyncDispose]();
      }
      assertEquals(said.sort(), [...Array(3).fill("EADDRINUSE"), "listening"]);
    },
  );
}

function isListener(value: unknown): value is Listener {
  return value instanceof Object && "accept" in value;
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
      `import { connect, listen, type Listener } from ${MOD};
const path = ${JSON.stringify(path)};
const transport = "unix";
${source}`,
    );
    return await output(only(...flags, file));
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

  /** What may be at the path when a server stops. */
  const others: Record<string, (path: string, secret: string) => unknown> = {
    "a server": (path) => listen(at(path)),
    "a directory": (path) => mkdirSync(path),
    "a link to a secret": (path, secret) => symlinkSync(secret, path),
    "a FIFO": (path) => output(python("import os; os.mkfifo(args[0])", path)),
  };
  for (const [what, put] of Object.entries(others)) {
    for (const place of ["path", "folder"]) {
      it(
        `for the ${place}, a server stops beside ${what}`,
        options,
        async () => {
          const own = mkdtempSync(join(folder, "stop-"));
          const [path, secret] = [join(own, "x.sock"), join(own, "secret")];
          writeFileSync(secret, "secret", { mode: 0o600 });
          const flags = place === "path"
            ? flagsFor(path)
            : ["--allow-net", `--allow-read=${own}`, `--allow-write=${own}`];
          const command = only(
            ...flags,
            ...scriptOf("parley echo", "--unix", path),
          );
          await using server = start(command);
          await server.line();
          await using client = await connect(at(path));
          await client.send("hello");
          await client.recv();
          unlinkSync(path);
          const other = await put(path, secret);
          const { ino } = lstatSync(path);
          signal(server, "SIGTERM");
          // Its clients may still finish.
          await client.send("hello");
          assertEquals((await client.recv())?.length, 5);
          await client.close();
          const { status, stderr } = await server.ended;
          // Its first line is the client's, which has no name.
          assertEquals([status, stderr.split(/\s/)[1]], [0, "unix:"]);
          assertEquals(readFileSync(secret, "utf8"), "secret");
          assertEquals(lstatSync(secret).mode & 0o777, 0o600);
          // At the path alone Deno itself removes any file, which is documented.
          const isKept = place === "folder" || what === "a directory";
          assertEquals(
            readdirSync(own),
            isKept ? ["secret", "x.sock"] : ["secret"],
          );
          if (isKept) assertEquals(lstatSync(path).ino, ino);
          if (isListener(other)) await other.close();
        },
      );
    }
  }

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
        `const at = { transport, path };
const calls = [
  () => listen(at),
  () => listen({ ...at, mode: 0o600 }),
  () => connect(at),
];
for (const open of calls) {
  try {
    await open();
    console.log("allowed");
  } catch ({ code, message }) {
    console.log(code, message);
  }
}`,
      );
      const lines = printed.trim().split("\n");
      assertEquals(lines.length, 3, printed);
      for (const line of lines) {
        assert(line.startsWith("EACCES "), line);
        assert(line.includes(`--allow-${flag}`), line);
      }
      assert(lstatSync(path).isSocket());
    });
  }
});
