// Unix sockets: how connecting fails, addresses, other programs, permissions.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { connect, listen, type UnixConnectOptions } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { notLinux, noUnix } from "../support/platform.ts";
import {
  deno,
  output,
  type Program,
  python,
  start,
} from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const onBun = "Bun" in globalThis;
const options = { timeout: 30_000, skip: noUnix() };
const onLinux = { ...options, skip: notLinux() };

function at(path: string): UnixConnectOptions & { transport: "unix" } {
  return { transport: "unix", path };
}

describe("connect", () => {
  it("to a missing file is ENOENT", options, async () => {
    const paths = [pathOf(), join(folder, "missing", "x.sock")];
    for (const path of paths) {
      const error = await assertRejectsWith("ENOENT", () => connect(at(path)));
      assert(error.message.includes(`unix:${path}`), error.message);
    }
  });

  it("to what no server answers at is ECONNREFUSED", options, async () => {
    const [stale, file, directory] = [pathOf(), pathOf(), pathOf()];
    await output(python("socket.socket(socket.AF_UNIX).bind(args[0])", stale));
    writeFileSync(file, "precious");
    mkdirSync(directory);
    // A live server of that name elsewhere is another one.
    await using _namesake = await listen(at(join(directory, basename(stale))));
    for (const path of [stale, file, directory]) {
      await assertRejectsWith("ECONNREFUSED", () => connect(at(path)));
      assert(existsSync(path));
    }
    assertEquals(readFileSync(file, "utf8"), "precious");
  });

  it("to a server whose queue is full is EAGAIN", onLinux, async () => {
    const script = `
listener = socket.socket(socket.AF_UNIX)
listener.bind(args[0])
listener.listen(0)
print("ready", flush=True)
sys.stdin.readline()
listener.accept()
print("accepted", flush=True)
sys.stdin.read()
`;
    const path = pathOf();
    await using server = start(python(script, path));
    await server.line();
    await using _first = await connect(at(path));
    const error = await assertRejectsWith("EAGAIN", () => connect(at(path)));
    assert(error.message.includes("try again"), error.message);
    server.process.stdin?.write("\n");
    await server.line();
    await using _second = await connect(at(path));
  });
});

describe("addresses", () => {
  it("are the path, and nothing where there is none", options, async () => {
    const path = pathOf();
    await using listener = await listen(at(path));
    await using client = await connect(at(path));
    await using server = await listener.accept();
    const [named, nameless] = [at(path), at("")];
    assertEquals(listener.addr, named);
    assertEquals(client.remoteAddr, named);
    assertEquals(server.localAddr, named);
    assertEquals(client.localAddr, nameless);
    assertEquals(server.remoteAddr, nameless);
  });

  it("of a peer with a path is that, on Deno", options, async () => {
    const [path, peer] = [pathOf(), pathOf()];
    await using listener = await listen(at(path));
    const script = `
s = socket.socket(socket.AF_UNIX)
s.bind(args[1])
s.connect(args[0])
s.sendall(b"hello")
s.recv(1)
`;
    await using _client = start(python(script, path, peer));
    await using server = await listener.accept();
    assertEquals(text(await server.recv()), "hello");
    if (onBun) console.log("Bun does not tell the path of a peer");
    assertEquals(server.remoteAddr, at(onBun ? "" : peer));
  });
});

const BYTES = pattern(1_000_003);

/** The bytes in a file, for other programs to send. */
function bytesFile(): string {
  const path = join(folder, "bytes");
  writeFileSync(path, BYTES);
  return path;
}

/** Serves one echo to a program that compares by itself, or leaves a file. */
async function echoTo(client: (path: string) => Program): Promise<void> {
  const path = pathOf();
  await using listener = await listen(at(path));
  await using program = client(path);
  await using server = await listener.accept();
  await server.pipeTo(server);
  const { status, stderr } = await program.ended;
  assertEquals(status, 0, stderr);
}

/** Sends, half-closes, and gets the same back. */
async function echoFrom(path: string): Promise<void> {
  await using conn = await connect(at(path));
  const [received] = await Promise.all([
    recvAll(conn),
    conn.send(BYTES).then(() => conn.closeWrite()),
  ]);
  assertSameBytes(received, BYTES);
}

describe("Python", () => {
  it("is served, with a half-close", options, async () => {
    const script = `
data = open(args[1], "rb").read()
s = socket.socket(socket.AF_UNIX)
s.connect(args[0])
def send():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
received = b"".join(iter(lambda: s.recv(65536), b""))
assert received == data, len(received)
`;
    await echoTo((path) => start(python(script, path, bytesFile())));
  });

  it("is reached, with a half-close", options, async () => {
    const script = `
listener = socket.socket(socket.AF_UNIX)
listener.bind(args[0])
listener.listen()
print("ready", flush=True)
conn, _ = listener.accept()
while data := conn.recv(65536):
    conn.sendall(data)
`;
    const path = pathOf();
    await using server = start(python(script, path));
    await server.line();
    await echoFrom(path);
    assertEquals((await server.ended).status, 0);
  });
});

const noSocat = spawnSync("socat", ["-V"]).status !== 0 && "There is no socat";
if (noSocat) console.log(`${noSocat}, so it is not tested`);

describe("socat", { skip: noSocat }, () => {
  it("is served, with a half-close", options, async () => {
    const back = join(folder, "back");
    const input = bytesFile();
    // Not a shell's pipe: socat half-closes when its input ends.
    const files = `OPEN:${input}!!CREATE:${back}`;
    await echoTo((path) =>
      start(["socat", "-t", "20", files, `UNIX-CONNECT:${path}`])
    );
    assertSameBytes(readFileSync(back), BYTES);
  });

  it("is reached, with a half-close", options, async () => {
    const path = pathOf();
    await using server = start(
      ["socat", "-d", "-d", "-t", "20", `UNIX-LISTEN:${path}`, "EXEC:cat"],
    );
    let said = "";
    server.process.stderr?.on("data", (data) => said += data);
    await until(() => said.includes("listening on"));
    await echoFrom(path);
    assertEquals((await server.ended).status, 0);
  });
});

describe("Deno's permissions", () => {
  const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

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
