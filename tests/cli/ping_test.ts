// What `ping` prints, and what ends it.
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { assertRefuses, parley, ping, portIn } from "../support/cli.ts";
import { options, signal } from "../support/examples.ts";
import { assertIntact, targetIn } from "../support/ping.ts";
import { bun, output, python, runtimes, start } from "../support/programs.ts";

/** Servers that read and never reply; they print a line after the first read. */
const MUTE = `
server = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
conn, _ = server.accept()
conn.recv(1)
print("read", flush=True)
while conn.recv(65536): pass
threading.Event().wait()
`;
const MUTE_UDP = `
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("listening on udp 127.0.0.1:%d" % server.getsockname()[1], flush=True)
server.recv(65536)
print("read", flush=True)
threading.Event().wait()
`;

/** Matches the line that `ping` prints for a reply. */
const REPLY =
  /^(\d+) bytes from (\S+): seq=(\d+) time=\d+\.\d{3} ms(, reordered)?$/;

for (const runtime of runtimes) {
  const run = (...args: string[]) => parley(runtime, "ping", ...args);

  describe(`ping on ${runtime.name}`, () => {
    it("prints a line for each reply, and a summary", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      await using program = start(run(target, "-c3", "-i0", "-s100"));
      const { stdout, stderr, status } = await program.ended;
      assertEquals([stderr, status], ["", 0]);
      const lines = stdout.split("\n");
      assertEquals(lines.length, 8, stdout);
      assertEquals(
        lines[0],
        `PING ${target} over tcp, 100 bytes a message`,
      );
      for (const seq of [1, 2, 3]) {
        const [, size, from, which] = REPLY.exec(lines[seq]) ?? [];
        assertEquals([size, from, which], ["100", target, `${seq}`], stdout);
      }
      assertEquals(lines[4], `--- ${target} ping statistics ---`);
      const sums = /^3 sent, 3 received, 0% loss, 0 corrupt, time \d+ ms$/;
      assert(sums.test(lines[5]), stdout);
      const times = /^rtt min\/avg\/max\/p99 = (\d+\.\d{3}\/?){4} ms$/;
      assert(times.test(lines[6]), stdout);
    });

    it("goes on until a signal, and sums up", options, async () => {
      for (const udp of [[], ["--udp"]]) {
        const echo = parley(bun, "echo", "--port=0", ...udp);
        await using server = start(echo);
        const target = targetIn(await server.line());
        for (const name of ["SIGINT", "SIGTERM"] as const) {
          await using program = start(run(...target, "-i", "0.05"));
          assert((await program.line()).startsWith("PING "));
          for (const seq of [1, 2, 3]) {
            assertEquals(REPLY.exec(await program.line())?.[3], `${seq}`);
          }
          signal(program, name);
          const { stdout, stderr, status } = await program.ended;
          const [, sent, received] = /^(\d+) sent, (\d+) received, 0% loss/m
            .exec(stdout) ?? [];
          assert(Number(sent) >= 3, stdout);
          assertEquals([sent, stderr, status], [received, "", 0], stdout);
        }
      }
    });

    it("does not wait long after a signal", options, async () => {
      for (const command of [MUTE, MUTE_UDP]) {
        await using server = start(python(command));
        const target = targetIn(await server.line());
        const args = [...target, "--json", "-W", "50", "-i", "0.05"];
        await using program = start(run(...args));
        await server.line();
        signal(program, "SIGINT");
        const { stdout, status } = await program.ended;
        const { ok, sent, lost, error } = JSON.parse(stdout);
        assertEquals([ok, status, error], [false, 1, null], stdout);
        assert(sent >= 1 && lost === sent, stdout);
      }
    });

    it("a second signal ends it at once", options, async () => {
      await using server = start(python(MUTE));
      const [target] = targetIn(await server.line());
      await using program = start(run(target, "-W", "50"));
      await server.line();
      signal(program, "SIGINT");
      const signalledAt = performance.now();
      // Signals in quick succession may arrive as one.
      const again = setInterval(() => {
        try {
          signal(program, "SIGINT");
        } catch {
          // The process has exited; its event is still to come.
        }
      }, 20);
      const { status } = await program.ended;
      clearInterval(again);
      assertEquals(status, 1);
      assert(performance.now() - signalledAt < 900, "It waited for a second");
    });

    it("ends when its output is closed", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      await using program = start(run(target, "-i", "0.05"));
      await program.line();
      program.process.stdout?.destroy();
      const { stderr, status } = await program.ended;
      assertEquals(stderr, "");
      assertEquals(status, 1);
    });

    it("-q prints the first line and the summary alone", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const stdout = await output(run(target, "-q", "-c3", "-i0"));
      const lines = stdout.split("\n");
      assertEquals(lines.length, 5, stdout);
      assert(lines[0].startsWith(`PING ${target} `), stdout);
      assert(lines[1].startsWith("--- "), stdout);
    });

    it("-w ends it in time, also what does not answer", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const document = await ping(runtime, target, "-w", "0.5", "-i", "0.1");
      assertIntact(document, document.sent);
      assert(document.duration < 1500, `${document.duration} ms`);
      await using mute = start(python(MUTE));
      const [silent] = targetIn(await mute.line());
      const late = await ping(runtime, silent, "-w", "0.5", "-W", "60");
      assert(!late.ok && late.duration < 3000, `${late.duration} ms`);
    });

    it("-4 and -6 choose the address of a name", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const port = await portIn(server);
      const args = [`localhost:${port}`, "-c1"];
      const stdout = await output(run(...args, "-4"));
      assert(stdout.includes(` from 127.0.0.1:${port}: seq=1 `), stdout);
      await assertRefuses(run("127.0.0.1:7", "-6"), "-6", 2);
      await assertRefuses(run("localhost", "-4", "-6"), "-4 and -6", 2);
    });

    it("says that it talks to another server", options, async () => {
      await using server = start(parley(bun, "greet", "--port=0"));
      const [target] = targetIn(await server.line());
      await using program = start(run(target, "-c1"));
      const { stdout, status } = await program.ended;
      assert(
        stdout.includes("\nthis does not look like an echo server\n"),
        stdout,
      );
      assertEquals(status, 1);
    });
  });
}
