// What closing a Unix listener does to the file at its path.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { connect, listen, serve } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { noUnix } from "../support/platform.ts";
import { output, python } from "../support/programs.ts";
import { assertServes, at } from "../support/socket_files.ts";
import { pathOf } from "../support/transports.ts";

const options = { timeout: 30_000, skip: noUnix() };

/** A name that the path's file could be moved to. */
function aside(path: string): string {
  return `${path}.${process.pid}`;
}

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
      const left = readdirSync(dirname(path)).filter((file) =>
        file.startsWith(`${basename(path)}.`) &&
        join(folder, file) !== aside(path)
      );
      assertEquals(left, []);
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

    it("neither reads nor copies another's file", options, async () => {
      const secret = pathOf();
      writeFileSync(secret, "secret", { mode: 0o600 });
      const link = await closing((path) => {
        unlinkSync(path);
        symlinkSync(secret, path);
        // Neither a file nor a directory of such a name is in the way.
        mkdirSync(aside(path));
        writeFileSync(join(aside(path), "x"), "");
      });
      assertEquals(readlinkSync(link), secret);
      assertEquals(readFileSync(secret, "utf8"), "secret");
      assertEquals(lstatSync(secret).mode & 0o777, 0o600);
    });

    it("overwrites no file beside it", options, async () => {
      const path = await closing((path) => {
        unlinkSync(path);
        writeFileSync(path, "another's");
        writeFileSync(aside(path), "precious");
      });
      assertEquals(readFileSync(path, "utf8"), "another's");
      assertEquals(readFileSync(aside(path), "utf8"), "precious");
    });

    it("does not wait at another's FIFO", options, async () => {
      const path = await closing(async (path) => {
        unlinkSync(path);
        await output(python("import os; os.mkfifo(args[0])", path));
        mkdirSync(aside(path));
        writeFileSync(join(aside(path), "x"), "");
      });
      assert(lstatSync(path).isFIFO());
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

describe("a close that cannot look at the path", () => {
  /** Listens in a folder, and makes its path one that cannot be looked up. */
  async function blocked<Opened>(open: (path: string) => Promise<Opened>) {
    const directory = mkdtempSync(join(folder, "blocked-"));
    const opened = await open(join(directory, "x.sock"));
    const moved = `${directory}-moved`;
    renameSync(directory, moved);
    symlinkSync(directory, directory);
    return { opened, path: join(moved, "x.sock") };
  }

  it("rejects, and the listener is closed", options, async () => {
    const { opened, path } = await blocked((path) => listen(at(path)));
    await using _client = await connect(at(path));
    const accept = assertRejectsWith("EBADF", async () => {
      for (;;) await opened.accept();
    });
    const error = await assertRejectsWith("EIO", () => opened.close());
    assert(error.message.includes(`unix:${opened.addr.path}`), error.message);
    await accept;
    await assertRejectsWith("ECONNREFUSED", () => connect(at(path)));
  });

  it("lets a server's clients finish", options, async () => {
    const { opened, path } = await blocked((path) =>
      serve(at(path), async (conn) => {
        await conn.send(await conn.recv() ?? "");
      })
    );
    await using client = await connect(at(path));
    // Accepted, so that the shutdown waits for it.
    while (opened.stats().active === 0) await new Promise(setImmediate);
    const stopped = assertRejectsWith("EIO", () => opened.shutdown());
    await client.send("hello");
    assertEquals(text(await client.recv()), "hello");
    await client.close();
    await stopped;
  });

  it("does not mind that the folder is gone", options, async () => {
    const directory = mkdtempSync(join(folder, "gone-"));
    const listener = await listen(at(join(directory, "x.sock")));
    rmSync(directory, { recursive: true });
    writeFileSync(directory, "precious");
    await listener.close();
    assertEquals(readFileSync(directory, "utf8"), "precious");
  });
});
