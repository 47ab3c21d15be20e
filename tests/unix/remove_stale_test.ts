// `removeStale` takes the path of a dead server, and of no other socket.
import { spawnSync } from "node:child_process";
import { lstatSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  listen,
  type Listener,
  type UnixAddress,
} from "../../mod.ts";
import { listenOnSocketFile } from "../../src/net/socket_file.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { notLinux, noUnix, platform } from "../support/platform.ts";
import { deno, python, start } from "../support/programs.ts";
import {
  assertInUse,
  assertServes,
  at,
  stale,
} from "../support/socket_files.ts";
import { pathOf } from "../support/transports.ts";

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
const options = { timeout: 30_000, skip: noUnix() };
const onLinux = { ...options, skip: notLinux() };

/** Asserts that a path is refused and left as it is. */
async function assertKept(path: string): Promise<void> {
  const { ino } = lstatSync(path);
  await assertInUse({ ...at(path), removeStale: true });
  assertEquals(lstatSync(path).ino, ino);
}

describe("a path that is taken", () => {
  // The kernel's table may have it under another path than ours.
  const busy = `
import os
os.chdir(os.path.dirname(args[0]))
s = socket.socket(socket.AF_UNIX)
s.bind(os.path.basename(args[0]) if args[1] == "relative" else args[0])
s.listen(0)
print("ready", flush=True)
sys.stdin.read()
`;
  for (const way of ["absolute", "relative"]) {
    const behaviour = `by a busy live server, ${way}, resists removeStale`;
    it(behaviour, onLinux, async () => {
      const path = pathOf();
      await using server = start(python(busy, path, way));
      await server.line();
      await using _first = await connect(at(path));
      const { ino } = lstatSync(path);
      await assertInUse({ ...at(path), removeStale: true });
      assertEquals(lstatSync(path).ino, ino);
    });
  }

  it("by a server that left its clients is stale", options, async () => {
    const path = pathOf();
    const script = `
listener = socket.socket(socket.AF_UNIX)
listener.bind(args[0])
listener.listen()
print("ready", flush=True)
conn, _ = listener.accept()
listener.close()
print("closed", flush=True)
conn.sendall(conn.recv(9))
sys.stdin.read()
`;
    await using server = start(python(script, path));
    await server.line();
    await using old = await connect(at(path));
    await server.line();
    await assertRejectsWith("ECONNREFUSED", () => connect(at(path)));
    await using listener = await listen({ ...at(path), removeStale: true });
    await assertServes(listener);
    await old.send("alive");
    assertEquals(text(await old.recv()), "alive");
  });

  const others = {
    "a datagram socket": "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "a datagram socket with a peer of its own": `
peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
peer.bind(args[0] + "-peer")
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(args[0] + "-peer")`,
    "a socket of packets": `
s = socket.socket(socket.AF_UNIX, getattr(socket, "SOCK_SEQPACKET", socket.SOCK_DGRAM))`,
  };
  for (const [kind, open] of Object.entries(others)) {
    it(`by ${kind} resists removeStale`, options, async () => {
      const path = pathOf();
      const script = `${open}
s.bind(args[0])
print("ready", flush=True)
sys.stdin.read()`;
      await using server = start(python(script, path));
      await server.line();
      await assertKept(path);
    });
  }

  /** How a server has bound the path, which the kernel's table may not have. */
  const bindings = {
    "at its path": "s.bind(args[0])",
    "through a linked folder": `
os.symlink(os.path.dirname(args[0]), args[0] + "-link")
s.bind(args[0] + "-link/" + os.path.basename(args[0]))`,
    "and renamed": `
s.bind(args[0] + "-first")
os.rename(args[0] + "-first", args[0])`,
  };
  for (const [way, bound] of Object.entries(bindings)) {
    const behaviour = `by a server that does not listen yet, bound ${way}`;
    it(`${behaviour}, resists it`, onLinux, async () => {
      const path = pathOf();
      const script = `
import os
s = socket.socket(socket.AF_UNIX)
${bound}
print("ready", flush=True)
sys.stdin.readline()
s.listen()
print("listening", flush=True)
sys.stdin.read()`;
      await using server = start(python(script, path));
      await server.line();
      await assertKept(path);
      server.process.stdin?.write("\n");
      await server.line();
      await using _client = await connect(at(path));
    });
  }

  const isolated = noNamespaces();
  it("by a busy server of another network resists it", {
    ...options,
    skip: options.skip || isolated,
  }, async () => {
    const path = pathOf();
    const command = python(busy, path, "absolute");
    await using server = start(["unshare", "-rn", ...command]);
    await server.line();
    await using _first = await connect(at(path));
    await assertKept(path);
    await assertRejectsWith("EAGAIN", () => connect(at(path)));
  });

  it("by a server of ours with a full queue resists it", onLinux, async () => {
    const path = pathOf();
    // On Deno clients stay in the kernel's queue until they are accepted.
    const program = join(folder, "busy.ts");
    writeFileSync(
      program,
      `import { listen } from ${MOD};
await listen({ transport: "unix", path: ${JSON.stringify(path)} });
console.log("ready");
setInterval(() => {}, 1000);`,
    );
    await using server = start([...deno.command, program]);
    await server.line();
    const clients: AsyncDisposable[] = [];
    await using _clients = {
      async [Symbol.asyncDispose]() {
        for (const client of clients) await client[Symbol.asyncDispose]();
      },
    };
    await assertRejectsWith("EAGAIN", async () => {
      for (;;) clients.push(await connect(at(path)));
    });
    await assertKept(path);
  });
});

describe("servers with removeStale that start at once", () => {
  it("are one, in a process", options, async () => {
    for (let round = 0; round < 20; round++) {
      const path = round % 2 === 0 ? await stale() : pathOf();
      const tries = await Promise.allSettled(
        Array.from(
          { length: 8 },
          () => listen({ ...at(path), removeStale: true }),
        ),
      );
      const winners: Listener[] = [];
      for (const attempt of tries) {
        if (attempt.status === "fulfilled") winners.push(attempt.value);
        else assertEquals(attempt.reason.code, "EADDRINUSE");
      }
      assertEquals(winners.length, 1);
      await winners[0].close();
      const left = readdirSync(folder).filter((name) =>
        name.startsWith(basename(path))
      );
      assertEquals(left, []);
    }
  });

  for (const beside of [true, false]) {
    it(`leave a fresh socket, bound beside: ${beside}`, options, async () => {
      const path = await stale();
      let fresh: Listener<UnixAddress, Address> | undefined;
      const attempt = listenOnSocketFile({ ...at(path), removeStale: true }, {
        listen: (path) => {
          // Binds without the queue of a listener.
          return listen(at(path)).then((listener) => ({
            addr: listener.addr,
            close: () => listener.close(),
          }));
        },
        async isOpen() {
          // The other server is through meanwhile.
          unlinkSync(path);
          fresh = await listen(at(path));
          return false;
        },
        mayUse: () => beside,
      });
      await assertRejectsWith("EADDRINUSE", () => attempt);
      assert(fresh !== undefined);
      await assertServes(fresh);
      await fresh.close();
    });
  }
});

function noNamespaces(): string | false {
  if (platform !== "linux") return "network namespaces are Linux's";
  const { status } = spawnSync("unshare", ["-rn", "true"]);
  if (status === 0) return false;
  console.log("Skipped: this user may not make a network namespace");
  return "this user may not make a network namespace";
}
