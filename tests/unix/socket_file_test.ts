// The life of a Unix socket's file: what may be at its path, what it may do,
// when it goes.
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
import { basename, dirname, join } from "node:path";
import { describe, it } from "node:test";
import { connect, listen, type UnixListenOptions } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
} from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { notLinux, noUnix, platform } from "../support/platform.ts";
import { output, python, start } from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";
import process from "node:process";

const options = { timeout: 30_000, skip: noUnix() };
const onLinux = { ...options, skip: notLinux() };

function at(path: string): UnixListenOptions {
  return { transport: "unix", path };
}

/** Asserts that a listener can be reached at its path. */
async function assertServes(
  listener: Awaited<ReturnType<typeof listen>>,
): Promise<void> {
  await using client = await connect(at(pathOf(listener.addr)));
  await client.send("hello");
  let received = "";
  // A `removeStale` that knocked there left without a word.
  while (received === "") {
    await using server = await listener.accept();
    received = text(await server.recv());
  }
  assertEquals(received, "hello");
}

async function assertInUse(options: UnixListenOptions): Promise<void> {
  const error = await assertRejectsWith("EADDRINUSE", () => listen(options));
  assert(error.message.includes(`unix:${options.path}`), error.message);
}

/** A socket file that no server listens at any more. */
async function stale(): Promise<string> {
  const path = pathOf();
  await output(python("socket.socket(socket.AF_UNIX).bind(args[0])", path));
  return path;
}

describe("a path that is taken", () => {
  it("by a live server is EADDRINUSE", options, async () => {
    const path = pathOf();
    await using listener = await listen(at(path));
    await assertInUse(at(path));
    await assertInUse({ ...at(path), removeStale: true });
    await assertServes(listener);
  });

  it("by a stale socket is EADDRINUSE", options, async () => {
    const path = await stale();
    const { ino } = lstatSync(path);
    await assertInUse(at(path));
    await assertInUse({ ...at(path), mode: 0o600 });
    assertEquals(lstatSync(path).ino, ino);
  });

  it("by a stale socket is freed by removeStale", options, async () => {
    const path = await stale();
    const wish = { ...at(path), removeStale: true, mode: 0o640 };
    await using listener = await listen(wish);
    assertEquals(lstatSync(path).mode & 0o777, 0o640);
    await assertServes(listener);
  });

  it("by nothing does not mind removeStale", options, async () => {
    await using listener = await listen({ ...at(pathOf()), removeStale: true });
    await assertServes(listener);
  });

  it("by another kind of file is EADDRINUSE", options, async () => {
    const file = pathOf();
    writeFileSync(file, "precious");
    const directory = pathOf();
    mkdirSync(directory);
    const link = pathOf();
    symlinkSync(await stale(), link);
    const dangling = pathOf();
    symlinkSync(pathOf(), dangling);
    for (const path of [file, directory, link, dangling]) {
      await assertInUse(at(path));
      await assertInUse({ ...at(path), removeStale: true });
    }
    assertEquals(readFileSync(file, "utf8"), "precious");
    assert(lstatSync(directory).isDirectory());
    assert(lstatSync(link).isSymbolicLink());
    assert(lstatSync(dangling).isSymbolicLink());
  });

  // Such a server cannot be knocked at, and the kernel's table may have it
  // under another path than ours.
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
});

describe("a path that cannot be", () => {
  it("in a missing directory is ENOENT", options, async () => {
    const path = join(folder, "missing", "x.sock");
    const error = await assertRejectsWith("ENOENT", () => listen(at(path)));
    assert(error.message.includes(path), error.message);
    const wish = { ...at(path), mode: 0o600, removeStale: true };
    await assertRejectsWith("ENOENT", () => listen(wish));
  });

  const root = options.skip ||
    process.getuid?.() === 0 && "Root may write anywhere";
  if (root) console.log(`${root}, so an unwritable directory is not tested`);
  it("in an unwritable directory is EACCES", { skip: root }, async () => {
    const directory = mkdtempSync(join(folder, "unwritable-"));
    chmodSync(directory, 0o500);
    const path = join(directory, "x.sock");
    await assertRejectsWith("EACCES", () => listen(at(path)));
  });

  it("longer than an address is EINVAL", options, async () => {
    const most = platform === "linux" ? 107 : 103;
    const start = join(folder, "_");
    const room = most - start.length;
    for (const end of ["x".repeat(room + 1), "é".repeat(room / 2 + 1)]) {
      const path = start + end;
      for (const open of [listen, connect]) {
        const error = await assertRejectsWith("EINVAL", () => open(at(path)));
        assert(error.message.includes(`at most ${most} bytes`), error.message);
      }
      assert(!existsSync(path));
    }
    await using listener = await listen(at(start + "x".repeat(room)));
    await assertServes(listener);
    assertEquals(
      await output(python(
        "s = socket.socket(socket.AF_UNIX); s.connect(args[0]); print('in')",
        listener.addr.path,
      )),
      "in\n",
    );
  });

  it("with a NUL, empty or no text is a TypeError", options, async () => {
    const before = pathOf();
    for (const path of [`${before}\0.sock`, "\0abstract", "", null, 1, {}]) {
      // As a caller without types may.
      const wrong: UnixListenOptions = Object.assign(at(""), { path });
      await assertRejects(() => listen(wrong), TypeError);
      await assertRejects(() => connect(wrong), TypeError);
    }
    assert(!existsSync(before));
  });
});

for (const pending of [false, true]) {
  describe(`close, accept pending: ${pending}`, () => {
    /** A listener, and the path to do things at before it closes. */
    async function closing(act: (path: string) => unknown): Promise<string> {
      const path = pathOf();
      const listener = await listen(at(path));
      const accept = pending ? listener.accept() : Promise.reject();
      const settled = accept.then((conn) => conn.close(), () => {});
      await act(path);
      await listener.close();
      await settled;
      const left = `${basename(path)}.`;
      const aside = readdirSync(dirname(path)).filter((file) =>
        file.startsWith(left)
      );
      assertEquals(aside, []);
      return path;
    }

    it("removes the file", options, async () => {
      assert(!existsSync(await closing((path) => assert(existsSync(path)))));
    });

    it("does not mind that the file is gone", options, async () => {
      assert(!existsSync(await closing(unlinkSync)));
    });

    it("leaves another's file", options, async () => {
      const path = await closing((path) => {
        unlinkSync(path);
        writeFileSync(path, "precious");
      });
      assertEquals(readFileSync(path, "utf8"), "precious");
    });

    it("leaves another's directory and link", options, async () => {
      const directory = await closing((path) => {
        unlinkSync(path);
        mkdirSync(path);
      });
      assert(lstatSync(directory).isDirectory());
      const link = await closing((path) => {
        renameSync(path, `${path}-moved`);
        symlinkSync(`${path}-moved`, path);
      });
      assert(lstatSync(link).isSymbolicLink());
    });

    it("leaves another server's socket", options, async () => {
      const others: Awaited<ReturnType<typeof listen>>[] = [];
      await closing(async (path) => {
        unlinkSync(path);
        others.push(await listen(at(path)));
      });
      await assertServes(others[0]);
      await others[0].close();
      assert(!existsSync(pathOf(others[0].addr)));
    });
  });
}

describe("mode", () => {
  it("is exact, whatever the umask, which stays", options, async () => {
    const before = process.umask();
    try {
      for (const mask of [0o000, 0o022, 0o077, 0o777]) {
        process.umask(mask);
        for (const mode of [0o600, 0o660, 0o777, 0o000]) {
          const path = pathOf();
          await using _listener = await listen({ ...at(path), mode });
          assertEquals(lstatSync(path).mode & 0o777, mode);
          assertEquals(process.umask(), mask);
          await assertInUse({ ...at(path), mode });
          assertEquals(process.umask(), mask);
        }
      }
      process.umask(0o027);
      await using listener = await listen(at(pathOf()));
      assertEquals(lstatSync(listener.addr.path).mode & 0o777, 0o750);
    } finally {
      process.umask(before);
    }
  });

  it("that is none is a RangeError or a TypeError", options, async () => {
    const path = pathOf();
    for (const mode of [-1, 0o1000, 1.5, NaN]) {
      await assertRejects(() => listen({ ...at(path), mode }), RangeError);
    }
    for (const mode of ["600", null, {}]) {
      // As a caller without types may.
      const wrong: UnixListenOptions = Object.assign(at(path), { mode });
      await assertRejects(() => listen(wrong), TypeError);
    }
    assert(!existsSync(path));
  });
});
