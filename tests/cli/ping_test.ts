// `ping` against echo servers without faults: ours and independent ones.
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import {
  assertIntact,
  assertRefuses,
  parley,
  ping,
  portIn,
  targetIn,
} from "../support/cli.ts";
import {
  freePort,
  listenFlags,
  options,
  signal,
  streamNames,
} from "../support/examples.ts";
import { bun, output, python, runtimes, start } from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MIB = 1024 * 1024;

/** An independent echo server; serves one client at a time. */
const PYTHON = `
import ssl
kind, at = args[0], args[1]
if kind == "unix":
    server = socket.socket(socket.AF_UNIX)
    server.bind(at)
    server.listen()
    print("listening on unix:" + at, flush=True)
else:
    family = socket.AF_INET6 if ":" in at else socket.AF_INET
    server = socket.create_server((at, 0), family=family)
    host = "[%s]" % at if ":" in at else at
    kind = "tls " if len(args) > 2 else ""
    print("listening on %s%s:%d" % (kind, host, server.getsockname()[1]), flush=True)
if len(args) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args[2], args[3])
while True:
    server.settimeout(None)
    conn, _ = server.accept()
    if len(args) > 2:
        conn = context.wrap_socket(conn, server_side=True)
    while data := conn.recv(65536):
        conn.sendall(data)
    if len(args) > 2:
        conn = conn.unwrap()
    conn.close()
`;

const PYTHON_UDP = `
family = socket.AF_INET6 if ":" in args[0] else socket.AF_INET
server = socket.socket(family, socket.SOCK_DGRAM)
server.bind((args[0], 0))
host = "[%s]" % args[0] if ":" in args[0] else args[0]
print("listening on udp %s:%d" % (host, server.getsockname()[1]), flush=True)
server.settimeout(None)
while True:
    server.sendto(*server.recvfrom(65536))
`;

const pythonServers: Record<string, () => string[]> = {
  "TCP": () => python(PYTHON, "tcp", "127.0.0.1"),
  "TCP/IPv6": () => python(PYTHON, "tcp", "::1"),
  "Unix": () => python(PYTHON, "unix", pathOf()),
  "UDP": () => python(PYTHON_UDP, "127.0.0.1"),
  "UDP/IPv6": () => python(PYTHON_UDP, "::1"),
};
if (certificates !== undefined) {
  const { certFile, keyFile } = certificates;
  pythonServers.TLS = () =>
    python(PYTHON, "tls", "127.0.0.1", certFile, keyFile);
}

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

/** Programs that run `cat` for one client. */
const cats: [name: string, command: (port: number) => string[]][] = [
  ["socat", (port) => [
    ...["socat", "-d", "-d", "-t", "20"],
    ...[`TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr`, "EXEC:cat"],
  ]],
  [
    "ncat",
    (port) => ["ncat", "-v", "-l", "127.0.0.1", `${port}`, "-e", "/bin/cat"],
  ],
];
/** Matches the line that `ping` prints for a reply. */
const REPLY =
  /^(\d+) bytes from (\S+): seq=(\d+) time=\d+\.\d{3} ms(, reordered)?$/;

for (const runtime of runtimes) {
  const run = (...args: string[]) => parley(runtime, "ping", ...args);

  describe(`ping on ${runtime.name}`, () => {
    for (const [name, command] of Object.entries(pythonServers)) {
      it(`all comes back from Python, ${name}`, options, async () => {
        await using server = start(command());
        const target = targetIn(await server.line());
        const sizes = name.startsWith("UDP")
          ? ["0", "1", "56", "65507"]
          : ["1", "56", "100000"];
        for (const size of sizes) {
          const args = [...target, "-c", "5", "-i", "0", "--size", size];
          const document = await ping(runtime, ...args);
          assertIntact(document, 5);
          assertEquals(`${document.size}`, size);
        }
      });
    }

    for (const [name, command] of cats) {
      const missing = spawnSync(name, ["-h"]).error !== undefined;
      const skip = missing && `There is no ${name}`;
      it(`all comes back from ${name}`, { ...options, skip }, async () => {
        const port = await freePort();
        await using server = start(command(port));
        let printed = "";
        server.process.stderr?.on("data", (data) => printed += data);
        await until(() => /listening on .*:\d+$/im.test(printed));
        const args = [
          `127.0.0.1:${port}`,
          "-s",
          "100000",
          "-c",
          "3",
          "-i",
          "0",
        ];
        assertIntact(await ping(runtime, ...args), 3);
      });
    }

    for (const transport of streamNames) {
      it(`4 MiB messages come back, ${transport}`, options, async () => {
        await using server = start(
          parley(bun, "echo", ...listenFlags(transport)),
        );
        const target = targetIn(await server.line());
        const large = [...target, "-s", `${4 * MIB}`, "-W", "30"];
        assertIntact(await ping(runtime, ...large, "-c", "2", "-i", "0"), 2);
        // Further messages are sent before the first is back.
        const many = await ping(runtime, ...large, "-c", "6", "-i", "0.001");
        assertIntact(many, 6);
      });
    }

    it("many at once come back over UDP", options, async () => {
      await using server = start(parley(bun, "echo", "--udp", "--port=0"));
      const target = targetIn(await server.line());
      const document = await ping(runtime, ...target, "-c100", "-i", "0.001");
      assertIntact(document, 100);
    });

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

    it(
      "resolves names, and keeps the interval",
      options,
      async () => {
        await using server = start(parley(bun, "echo", "--port=0"));
        const port = await portIn(server);
        const args = [`localhost:${port}`, "-c", "3", "-i", "0.2"];
        const document = await ping(runtime, ...args);
        assertIntact(document, 3);
        assertEquals(document.target, `localhost:${port}`);
        assert(document.duration >= 390, `${document.duration} ms`);
      },
    );

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
