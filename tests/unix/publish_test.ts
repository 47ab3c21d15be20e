// How a socket gets to its path: bound in a folder beside it, then linked.
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { listen } from "../../mod.ts";
import type { ListenerHandle } from "../../src/net/adapter.ts";
import { longestPath } from "../../src/net/address.ts";
import { listenOnSocketFile } from "../../src/net/socket_file.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
} from "../support/assert.ts";
import { folder } from "../support/folder.ts";
import { notLinux, noUnix } from "../support/platform.ts";
import { assertServes, at } from "../support/socket_files.ts";
import { pathOf } from "../support/transports.ts";

const options = { timeout: 30_000, skip: noUnix() };
const onLinux = { ...options, skip: notLinux() };

/** A runtime that binds with `node:net`, and keeps account. */
function runtime() {
  /** The paths that were bound, and the mode of their folders meanwhile. */
  const bound: { path: string; mode: number }[] = [];
  const counts = { open: 0 };
  async function listen(path: string): Promise<ListenerHandle> {
    bound.push({ path, mode: statSync(dirname(path)).mode & 0o777 });
    const server = createServer().listen(path);
    await once(server, "listening");
    counts.open++;
    return {
      addr: at(path),
      close() {
        counts.open--;
        server.close();
      },
    };
  }
  function isOpen(): Promise<boolean> {
    throw new Error("Nothing is at the path");
  }
  return { bound, counts, listen, isOpen };
}

describe("a socket that is linked to its path", () => {
  it("leads its mode to no other file", onLinux, async () => {
    const victim = pathOf();
    writeFileSync(victim, "precious", { mode: 0o600 });
    const { bound: _bound, counts, ...own } = runtime();
    const attempt = listenOnSocketFile({ ...at(pathOf()), mode: 0o666 }, {
      ...own,
      async listen(path) {
        const handle = await own.listen(path);
        // As whoever may rename what is in the folder above.
        renameSync(dirname(path), `${dirname(path)}-away`);
        mkdirSync(dirname(path));
        symlinkSync(victim, path);
        return handle;
      },
    });
    await assertRejectsWith("EADDRINUSE", () => attempt);
    assertEquals([statSync(victim).mode & 0o777, counts.open], [0o600, 0]);
  });

  it("is nobody else's before its mode is set", options, async () => {
    const path = pathOf();
    const { bound, counts, ...own } = runtime();
    const before = process.umask(0o777);
    try {
      const listener = await listenOnSocketFile(
        { ...at(path), mode: 0o660 },
        own,
      );
      assert(bound[0].path !== path);
      assertEquals(bound[0].mode, 0o700);
      assert(!existsSync(dirname(bound[0].path)), "The folder is still there");
      assertEquals(lstatSync(path).mode & 0o777, 0o660);
      await listener.close();
    } finally {
      process.umask(before);
    }
    assert(!existsSync(path));
    assertEquals(counts.open, 0);
  });

  const other = options.skip ||
    process.getuid?.() !== 0 && "only root has every group";
  if (other) console.log(`${other}, so a shared folder is not tested`);
  it("has the group of a shared folder", { skip: other }, async () => {
    const shared = mkdtempSync(join(folder, "shared-"));
    chownSync(shared, 0, 4321);
    chmodSync(shared, 0o2770);
    await using listener = await listen(at(join(shared, "x.sock")));
    assertEquals(lstatSync(listener.addr.path).gid, 4321);
  });

  for (const [what, length] of [["any", 1], ["a short", 6], ["a long", 20]]) {
    it(`has ${what} name at the end of a long path`, options, async () => {
      const name = "x".repeat(Number(length));
      const start = mkdtempSync(join(folder, "long-"));
      const room = longestPath() - start.length - name.length - 2;
      const directory = join(start, "d".repeat(room));
      mkdirSync(directory);
      const path = join(directory, name);
      assertEquals(path.length, longestPath());
      const listener = await listen({ ...at(path), mode: 0o600 });
      await assertServes(listener);
      assertEquals(readdirSync(directory), [name]);
      await listener.close();
      assertEquals(readdirSync(directory), []);
    });
  }
});

describe("where no link can be made", () => {
  it("the socket is bound at its path", options, async () => {
    const path = pathOf();
    const { bound, counts, listen, isOpen } = runtime();
    const listener = await listenOnSocketFile({ ...at(path), mode: 0o640 }, {
      isOpen,
      listen(path) {
        if (bound.length > 0) return listen(path);
        bound.push({ path, mode: 0 });
        // No system links a directory.
        mkdirSync(path);
        return { addr: at(path), close: () => rmdirSync(path) };
      },
    });
    assertEquals(bound[1].path, path);
    assertEquals(lstatSync(path).mode & 0o777, 0o640);
    assert(!existsSync(dirname(bound[0].path)), "The folder is still there");
    await listener.close();
    assert(!existsSync(path));
    assertEquals(counts.open, 0);
  });

  for (const mode of [0o600, undefined]) {
    it(`a failure closes the socket, mode: ${mode}`, options, async () => {
      const directory = mkdtempSync(join(folder, "direct-"));
      const { counts, listen, isOpen } = runtime();
      const attempt = listenOnSocketFile(
        { ...at(join(directory, "x.sock")), mode },
        {
          isOpen,
          async listen(path) {
            const handle = await listen(path);
            // Now neither its mode can be set nor can it be looked at.
            renameSync(directory, `${directory}-moved`);
            symlinkSync(directory, directory);
            return handle;
          },
          mayUse: () => false,
        },
      );
      await assertRejects(() => attempt, Error);
      assertEquals(counts.open, 0);
    });
  }
});
