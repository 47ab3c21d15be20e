// A Unix socket's file: what may be at its path, and its mode.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, listen, type UnixListenOptions } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
} from "../support/assert.ts";
import { folder } from "../support/folder.ts";
import { noUnix, platform } from "../support/platform.ts";
import { output, python } from "../support/programs.ts";
import {
  assertInUse,
  assertServes,
  at,
  stale,
} from "../support/socket_files.ts";
import { pathOf } from "../support/transports.ts";
import process from "node:process";

const options = { timeout: 30_000, skip: noUnix() };

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
});

describe("a path that cannot be", () => {
  it("goes through a linked folder as the kernel does", options, async () => {
    const inner = mkdtempSync(join(folder, "real-")) + "/in";
    mkdirSync(inner);
    const link = pathOf();
    symlinkSync(inner, link);
    const path = `${link}/../x`;
    await using listener = await listen(at(path));
    await assertServes(listener);
    assert(lstatSync(join(inner, "../x")).isSocket());
    assert(!existsSync(join(link, "../x")), "It is beside the link");
    await listener.close();
    assert(!existsSync(path));
    await assertRejectsWith("ENOENT", () => listen(at(`${inner}/no/../x`)));
  });

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
      for (
        const open of [() => listen(at(path)), () => connect(at(path))]
      ) {
        const error = await assertRejectsWith("EINVAL", open);
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
    for (const path of [`${before}\0.sock`, "", null, 1, {}]) {
      // As a caller without types may.
      const wrong: UnixListenOptions = Object.assign(at(""), { path });
      await assertRejects(() => listen(wrong), TypeError);
      await assertRejects(() => connect(wrong), TypeError);
    }
    assert(!existsSync(before));
  });
});

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
