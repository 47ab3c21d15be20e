// What the other examples do for their clients, and the limits of them all.
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { bind, connect, type Connection, serveEcho } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import {
  assertFails,
  command,
  freePort,
  options,
  ready,
  serve,
  signal,
  signalled,
  streamNames,
  WRONG_ARGUMENTS,
} from "../support/examples.ts";
import { bun, output, python, runtimes, start } from "../support/programs.ts";
import { portOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MIB = 1024 * 1024;

async function sendAndEnd(conn: Connection, bytes: Uint8Array): Promise<void> {
  await conn.send(bytes);
  await conn.closeWrite();
}

async function assertEchoes(
  conn: Connection,
  bytes: Uint8Array,
): Promise<void> {
  const [received] = await Promise.all([
    recvAll(conn),
    sendAndEnd(conn, bytes),
  ]);
  assertSameBytes(received, bytes);
}

async function assertAnswers(conn: Connection, word: string): Promise<void> {
  await conn.send(word);
  assertEquals(text(await recvExactly(conn, word.length)), word);
}

/** The time in a reply of daytime.ts, which must be about now. */
function assertNow(reply: string): void {
  assert(reply.endsWith(" GMT\r\n"), reply);
  const seconds = Math.abs(Date.parse(reply) - Date.now()) / 1000;
  assert(seconds < 30, `${reply} is ${seconds} s off`);
}

/** Whether datagrams wait in the kernel for this port; only Linux shows that. */
function hasUnread(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  const socket = readFileSync("/proc/net/udp", "utf8").split("\n").find(
    (line) => line.includes(local),
  );
  assert(socket !== undefined, `No socket at ${port}`);
  return !socket.includes(":00000000 00:");
}

/** Two clients: each prints the lines that it gets. */
const CHAT = `
def join():
    s = socket.create_connection(("127.0.0.1", int(args[0])))
    return s, s.makefile("r"), "%s:%d" % s.getsockname()
a, a_lines, a_name = join()
# A client is in the room once another is announced to it.
b, b_lines, b_name = join()
print(a_lines.readline() == b_name + " came\\n")
a.sendall("Grüße\\n".encode())
print(b_lines.readline() == a_name + ": Grüße\\n")
b.sendall(b"and to you\\n")
print(a_lines.readline() == b_name + ": and to you\\n")
b.shutdown(socket.SHUT_WR)
print(a_lines.readline() == b_name + " left\\n", repr(b_lines.read()))
`;

/** Resets its first connection amid a reply, once the client has a part. */
const RESETTING_TARGET = `
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
s, _ = server.accept()
s.recv(100)
s.sendall(b"half")
s.recv(100)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
s, _ = server.accept()
s.sendall(b"whole")
s.close()
`;

const RAW_CLIENT = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
s.sendall(b"request")
got = s.recv(100).decode()
s.sendall(b"go on")
try:
    print(got, "an end" if s.recv(100) == b"" else "more")
except ConnectionResetError:
    print(got, "a reset")
`;

for (const runtime of runtimes) {
  describe(`daytime.ts on ${runtime.name}`, () => {
    it("sends the time over TCP", options, async () => {
      await using server = await serve(runtime, "TCP/IPv4", "daytime");
      await using conn = await connect(server.target);
      assertNow(text(await recvAll(conn)));
    });

    it("sends the time over UDP", options, async () => {
      await using server = start(
        command(runtime, "daytime", "--port=0", "--udp"),
      );
      const port = await ready(server);
      await using socket = await bind({ port: 0 });
      await socket.sendTo("", { hostname: "127.0.0.1", port });
      const [reply] = await socket.recvFrom();
      assertNow(text(reply));
    });
  });

  describe(`discard.ts on ${runtime.name}`, () => {
    it("reads 8 MiB, says nothing", options, async () => {
      await using server = await serve(runtime, "TCP/IPv4", "discard");
      await using conn = await connect(server.target);
      const [received] = await Promise.all([
        recvAll(conn),
        sendAndEnd(conn, pattern(8 * MIB)),
      ]);
      assertEquals(received.length, 0);
    });

    it("says nothing over UDP", signalled, async () => {
      if (!existsSync("/proc/net/udp")) {
        console.log("Skipped: no /proc shows what discard.ts has read");
        return;
      }
      await using server = start(
        command(runtime, "discard", "--port=0", "--udp"),
      );
      const port = await ready(server);
      await using socket = await bind({ port: 0 });
      for (let i = 0; i < 20; i++) {
        await socket.sendTo("shh", { hostname: "127.0.0.1", port });
      }
      await until(() => !hasUnread(port));
      signal(server, "SIGINT");
      assertEquals((await server.ended).status, 0);
      // Whatever it said would be here before this.
      const own = { hostname: "127.0.0.1", port: portOf(socket.addr) };
      await socket.sendTo("mine", own);
      const [data] = await socket.recvFrom();
      assertEquals(text(data), "mine");
    });
  });

  describe(`proxy.ts on ${runtime.name}`, () => {
    it("8 MiB go through and back", options, async () => {
      await using echo = await serveEcho({ port: 0 });
      const to = `--to-port=${echo.addr.port}`;
      await using proxy = await serve(runtime, "TCP/IPv4", "proxy", to);
      await using conn = await connect(proxy.target);
      await assertEchoes(conn, pattern(8 * MIB));
    });

    it("outlives a target that is away", signalled, async () => {
      const port = await freePort();
      const to = `--to-port=${port}`;
      await using proxy = await serve(runtime, "TCP/IPv4", "proxy", to);
      await using early = await connect(proxy.target);
      const end = await early.recv().catch(({ code }) => code);
      assertEquals(end, runtime.name === "deno" ? null : "ECONNRESET");
      await using echo = start(command(runtime, "echo", `--port=${port}`));
      await echo.line();
      await using conn = await connect(proxy.target);
      await assertEchoes(conn, pattern(1000));
      signal(proxy, "SIGINT");
      assertEquals((await proxy.ended).status, 0);
    });
  });

  it(`proxy.ts on ${runtime.name} passes on a reset`, options, async () => {
    await using target = start(python(RESETTING_TARGET));
    const to = `--to-port=${await target.line()}`;
    await using proxy = await serve(runtime, "TCP/IPv4", "proxy", to);
    const client = await output(python(RAW_CLIENT, proxy.port));
    const end = runtime.name === "deno" ? "an end" : "a reset";
    assertEquals(client, `half ${end}\n`);
    // And goes on.
    await using conn = await connect(proxy.target);
    assertEquals(text(await recvAll(conn)), "whole");
  });

  describe(`chat.ts on ${runtime.name}`, () => {
    it("passes lines between two Python clients", options, async () => {
      await using server = await serve(runtime, "TCP/IPv4", "chat");
      assertEquals(
        await output(python(CHAT, server.port)),
        "True\nTrue\nTrue\nTrue ''\n",
      );
    });

    it("escapes what would command a terminal", options, async () => {
      await using server = await serve(runtime, "TCP/IPv4", "chat");
      await using first = await connect(server.target);
      const came = first.recv();
      await using second = await connect(server.target);
      assert(text(await came).endsWith(" came\n"));
      await second.send("\x1b[2Jhello\r\n");
      const hello = text(await first.recv());
      assert(hello.endsWith(": \\u{1b}[2Jhello\n"), JSON.stringify(hello));
    });
  });

  describe(`limits on ${runtime.name}`, () => {
    it("--max-connections lets the excess wait", options, async () => {
      const limit = "--max-connections=1";
      await using server = await serve(
        runtime,
        "TCP/IPv4",
        "parley echo",
        limit,
      );
      await using first = await connect(server.target);
      await assertAnswers(first, "first");
      await using second = await connect(server.target);
      let answered = false;
      const answer = assertAnswers(second, "second").then(() => {
        answered = true;
      });
      for (let i = 0; i < 100; i++) await assertAnswers(first, `${i}`);
      assert(!answered, "Two were served at once");
      await assertEchoes(first, new Uint8Array());
      await answer;
    });

    for (const transport of streamNames) {
      it(
        `--idle-timeout ends a silent client, ${transport}`,
        options,
        async () => {
          const limit = "--idle-timeout=400";
          await using server = await serve(
            runtime,
            transport,
            "parley echo",
            limit,
          );
          await using busy = await connect(server.target);
          const started = performance.now();
          await using silent = await connect(server.target);
          let ended = false;
          const end = silent.recv().then((data) => {
            assertEquals(data, null);
            ended = true;
          });
          while (!ended) await assertAnswers(busy, "still here");
          await end;
          const milliseconds = performance.now() - started;
          assert(milliseconds >= 400, `${milliseconds} ms`);
          await assertEchoes(busy, pattern(1000));
        },
      );
    }
  });
}

// The same code on every runtime, so on the one that starts fastest.
it("limits that are wrong are one line", options, async () => {
  const wrong = (says: string, ...flags: string[]) =>
    assertFails(
      command(bun, "parley echo", "--port=0", ...flags),
      says,
      WRONG_ARGUMENTS,
    );
  await Promise.all([
    wrong("0", "--max-connections=0"),
    wrong("--max-connections", "--max-connections=many"),
    wrong("0", "--max-connections-per-host=0"),
    wrong("--idle-timeout", "--idle-timeout=-1"),
    wrong("--idle-timeout", "--idle-timeout=1s"),
    wrong("trustedProxies", "--proxy-protocol=localhost"),
    wrong("trustedProxies", "--proxy-protocol="),
    wrong("trustedProxies", "--proxy-protocol=unix"),
    wrong("--udp", "--proxy-protocol=::1", "--udp"),
    wrong("--proxy-protocol", "--proxy-protocol=::1", "--unix=x.sock"),
  ]);
});
