// Abstract Unix names: no file, and nothing to remove.
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { connect, formatAddress, listen, serveEcho } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { platform } from "../support/platform.ts";
import { python, start } from "../support/programs.ts";

const onLinux = platform === "linux";
const options = { timeout: 30_000 };
const linux = {
  ...options,
  skip: onLinux ? false : "Only Linux has abstract names",
};
const other = { ...options, skip: onLinux && "Linux has abstract names" };
console.log(`Skipped: ${linux.skip || other.skip}`);

/** A fresh name, with its NUL. */
function at(length = 36): { transport: "unix"; path: string } {
  const name = crypto.randomUUID().padEnd(length, "x");
  return { transport: "unix", path: `\0${name}` };
}

/** Whether the kernel has a socket of this name, and of no longer one. */
function isBound(path: string): boolean {
  const names = readFileSync("/proc/net/unix", "utf8").split("\n");
  return names.some((line) => line.endsWith(` @${path.slice(1)}`));
}

describe("an abstract Unix name", () => {
  it("is listened on and connected to, without a file", linux, async () => {
    const where = at();
    await using listener = await listen(where);
    assertEquals(listener.addr, where);
    assertEquals(
      formatAddress(listener.addr),
      `unix:@${where.path.slice(1)}`,
    );
    assert(isBound(where.path));
    assert(!existsSync(`@${where.path.slice(1)}`));
    await using client = await connect(where);
    await using server = await listener.accept();
    assertEquals(client.remoteAddr, where);
    assertEquals(server.localAddr, where);
    assertEquals(server.remoteAddr, { transport: "unix", path: "" });
    await client.send("hello");
    assertEquals(text(await server.recv()), "hello");
    await server.closeWrite();
    assertEquals(await client.recv(), null);
  });

  it("is served, and free after the shutdown", linux, async () => {
    // The longest name that every runtime takes.
    const where = at(106);
    for (let round = 0; round < 2; round++) {
      await using server = await serveEcho(where);
      await using client = await connect({ ...where, timeout: 5000 });
      await client.send("echo");
      assertEquals(text(await client.recv()), "echo");
      await client.close();
      await server.shutdown();
      assert(!isBound(where.path));
    }
  });

  it("of another server is EADDRINUSE", linux, async () => {
    const where = at();
    await using _first = await listen(where);
    const { message } = await assertRejectsWith(
      "EADDRINUSE",
      () => listen(where),
    );
    assert(message.includes(`unix:@${where.path.slice(1)}`), message);
  });

  it("without a server is ECONNREFUSED", linux, async () => {
    await assertRejectsWith("ECONNREFUSED", () => connect(at()));
  });

  it("of a Python server is reached", linux, async () => {
    const where = at();
    const script = `
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0" + args[0])
listener.listen()
print("ready", flush=True)
conn, _ = listener.accept()
while data := conn.recv(65536):
    conn.sendall(data)
`;
    await using server = start(python(script, where.path.slice(1)));
    await server.line();
    await using conn = await connect(where);
    await conn.send("hello");
    assertEquals(text(await conn.recv()), "hello");
    await conn.closeWrite();
    assertEquals(await conn.recv(), null);
    assertEquals((await server.ended).status, 0);
  });

  it("is reached by a Python client", linux, async () => {
    const where = at();
    await using _server = await serveEcho(where);
    const script = `
s = socket.socket(socket.AF_UNIX)
s.connect("\\0" + args[0])
s.sendall(b"hello")
s.shutdown(socket.SHUT_WR)
assert b"".join(iter(lambda: s.recv(9), b"")) == b"hello"
`;
    await using client = start(python(script, where.path.slice(1)));
    const { status, stderr } = await client.ended;
    assertEquals(status, 0, stderr);
  });

  it("has neither a mode nor a file to remove", linux, async () => {
    for (const more of [{ mode: 0o600 }, { removeStale: true }]) {
      const { message } = await assertRejects(
        () => listen({ ...at(), ...more }),
        TypeError,
      );
      assert(message.includes(Object.keys(more)[0]), message);
    }
  });

  it("begins with a NUL, not with an @", options, async () => {
    for (const path of ["@name", "\0", "\0a\0b", "a\0b"]) {
      const where = { transport: "unix", path } as const;
      await assertRejects(() => connect(where), TypeError);
      const { message } = await assertRejects(() => listen(where), TypeError);
      if (path === "@name") assert(message.includes("\\0name"), message);
    }
    const wrong = untyped<{ transport: "unix"; path: string }>({
      transport: "unix",
      path: 5,
    });
    await assertRejects(() => listen(wrong), TypeError);
  });

  it("is ENOTSUP on other systems", other, async () => {
    await assertRejectsWith("ENOTSUP", () => listen(at()));
    await assertRejectsWith("ENOTSUP", () => connect(at()));
  });
});
