// Servers whose standard error takes nothing, or fails: they go on.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { bind, connect, echo, serve, serveDatagrams } from "../../mod.ts";
import { log } from "../../src/servers/log.ts";
import { assert, assertEquals, untyped } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { parley, portIn } from "../support/cli.ts";
import { captureConsoleError } from "../support/console.ts";
import { signal } from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { notLinux } from "../support/platform.ts";
import { type Program, python, runtimes, start } from "../support/programs.ts";
import { until } from "../support/wait.ts";

const PROGRAM = fileURLToPath(
  new URL("../support/log_program.ts", import.meta.url),
);

/** Runs its arguments with a standard error of this kind. */
const kinds = {
  // The reading end stays open in the program itself, which never reads.
  "a full pipe that is not read": `import os
r, w = os.pipe()
os.set_blocking(w, False)
try:
    while True: os.write(w, b"x" * 4096)
except BlockingIOError: pass
os.set_blocking(w, True)
os.set_inheritable(r, True)
os.dup2(w, 2)
os.close(w)
os.execvp(args[0], args)`,
  "a pipe that is closed": `import os
r, w = os.pipe()
os.close(r)
os.dup2(w, 2)
os.execvp(args[0], args)`,
  "a full disk": `import os
os.dup2(os.open("/dev/full", os.O_WRONLY), 2)
os.execvp(args[0], args)`,
};

const options = { timeout: 60_000, skip: notLinux() };

async function exchange(port: number, word: string): Promise<void> {
  await using conn = await connect({ port });
  await conn.send(word);
  await conn.closeWrite();
  assertEquals(text(await recvAll(conn)), word);
}

/** Python would restore what the program inherits of its signals. */
const withError = (script: string, command: string[]): Program =>
  start(python(script, ...command));

for (const runtime of runtimes) {
  for (const [kind, script] of Object.entries(kinds)) {
    describe(`standard error is ${kind}, on ${runtime.name}`, () => {
      it("a server whose callbacks fail serves on", options, async () => {
        const command = [...runtime.command, PROGRAM];
        await using server = withError(script, command);
        const [tcp, udp] = (await server.line()).split(" ").map(Number);
        await using socket = await bind({ port: 0 });
        // More than the pipe and the queue take.
        for (let i = 0; i < 200; i++) {
          await exchange(tcp, `hello ${i}`).catch((error) => {
            // The handler failed after the echo, which ends in a reset.
            if (error.code !== "ECONNRESET") throw error;
          });
          const to = { hostname: "127.0.0.1", port: udp };
          await socket.sendTo("", to);
          await socket.sendTo(`hello ${i}`, to);
          assertEquals(text((await socket.recvFrom())[0]), `hello ${i}`);
        }
        assertEquals(server.process.exitCode, null);
      });

      it("parley echo serves, and ends in time", options, async () => {
        const command = parley(runtime, "echo", "--port", "0");
        await using server = withError(script, command);
        const port = await portIn(server);
        for (let i = 0; i < 20; i++) await exchange(port, `hello ${i}`);
        signal(server, "SIGTERM");
        const { status } = await server.ended;
        assertEquals(status, 0);
      });
    });
  }

  describe(`messages on standard error, on ${runtime.name}`, () => {
    it("that were dropped are counted", options, async () => {
      // The reader starts when it is told to.
      const script = `import os, signal
r, w = os.pipe()
if os.fork() == 0:
    signal.alarm(60)
    os.close(w)
    os.close(1)
    sys.stdin.readline()
    while data := os.read(r, 65536): os.write(2, data)
    os._exit(0)
os.close(r)
os.dup2(w, 2)
os.execvp(args[0], args)`;
      await using server = withError(script, [...runtime.command, PROGRAM]);
      const [, udp] = (await server.line()).split(" ").map(Number);
      await using socket = await bind({ port: 0 });
      const ask = async (word: string) => {
        await socket.sendTo("", { hostname: "127.0.0.1", port: udp });
        await socket.sendTo(word, { hostname: "127.0.0.1", port: udp });
        assertEquals(text((await socket.recvFrom())[0]), word);
      };
      let sent = 0;
      for (; sent < 400; sent++) await ask(`${sent}`);
      let printed = "";
      server.process.stderr?.on("data", (data) => printed += data);
      server.process.stdin?.write("\n");
      const dropped = () =>
        [...printed.matchAll(/^(\d+) messages were dropped/gm)]
          .reduce((sum, [, count]) => sum + Number(count), 0);
      const written = () => printed.split("Error: From a callback").length - 1;
      // The count is told with a later message.
      while (dropped() === 0) await ask(`${sent++}`);
      await until(() => dropped() + written() === sent);
      assert(dropped() > 100, `${dropped()}`);
    });
  });
}

describe("a console.error of the program's own", () => {
  const broken: [string, () => unknown][] = [
    ["throws", () => {
      throw new Error("From the logger");
    }],
    ["rejects", () => Promise.reject(new Error("From the logger"))],
  ];
  for (const [name, fail] of broken) {
    it(`that ${name} does not end a server`, options, async () => {
      const { error } = console;
      let calls = 0;
      console.error = () => {
        calls++;
        return untyped<void>(fail());
      };
      try {
        const failing = () => {
          throw new Error("From a callback");
        };
        await using server = await serve({
          port: 0,
          filter: () => true,
          onConnect: failing,
          onDisconnect: failing,
          onError: failing,
        }, echo);
        await exchange(server.addr.port, "one");
        await exchange(server.addr.port, "two");
        await using datagrams = await serveDatagrams({ port: 0 }, failing);
        await using socket = await bind({ port: 0 });
        for (let i = 0; i < 3; i++) await socket.sendTo("", datagrams.addr);
        while (calls < 7) await new Promise((resolve) => setTimeout(resolve));
      } finally {
        console.error = error;
      }
    });
  }

  it("gets what the servers report", async () => {
    const fault = new Error("fault");
    const printed = await captureConsoleError(async () => {
      log(fault);
      await Promise.resolve();
    });
    assertEquals(printed, [fault]);
  });

  it("values that cannot be shown or tested do no harm", async () => {
    const hostile = new Proxy({}, {
      get() {
        throw new Error("No property");
      },
      getPrototypeOf() {
        throw new Error("No prototype");
      },
    });
    await using server = await serve({ port: 0 }, async (conn) => {
      await conn.recv();
      throw hostile;
    });
    for (let i = 0; i < 2; i++) {
      await using conn = await connect({ port: server.addr.port });
      await conn.send("x");
      await conn.recv().catch(() => null);
    }
    assertEquals(server.stats().accepted, 2);
  });
});

describe("a message of several lines", () => {
  for (const runtime of runtimes) {
    it(`looks like no other one, on ${runtime.name}`, options, async () => {
      const program = join(folder, `forged-${runtime.name}.ts`);
      const log = new URL("../../src/servers/log.ts", import.meta.url).href;
      writeFileSync(
        program,
        `import { log } from ${JSON.stringify(log)};
log("bad request: x\\nsshd: accepted");
log("the next");`,
      );
      await using running = start([...runtime.command, program]);
      const { stderr, status } = await running.ended;
      assertEquals(status, 0, stderr);
      const lines = ["bad request: x", "  sshd: accepted", "the next", ""];
      assertEquals(stderr.split("\n"), lines);
    });
  }
});
