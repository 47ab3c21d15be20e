// The examples and the servers as users run them: as processes of each runtime, with the
// Python programs that they must serve unchanged.
import { once } from "node:events";
import { describe, it } from "node:test";
import {
  connect,
  type Connection,
  formatAddress,
  listen,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, recvExactly, text } from "../support/bytes.ts";
import {
  assertFails,
  assertPrints,
  command as commandOf,
  freePort,
  options,
  ready,
  refused,
  signal,
  signalled,
  WRONG_ARGUMENTS,
} from "../support/examples.ts";
import { bun, output, python, runtimes, start } from "../support/programs.ts";

/** Connects to an echo server, and knows that it has accepted. */
async function accepted(port: number): Promise<Connection> {
  const conn = await connect({ port });
  await conn.send("hi");
  assertEquals(text(await recvExactly(conn, 2)), "hi");
  return conn;
}

async function isFree(port: number): Promise<boolean> {
  try {
    await (await listen({ port })).close();
    return true;
  } catch (error) {
    if (error instanceof SocketError && error.code === "EADDRINUSE") {
      return false;
    }
    throw error;
  }
}

/** Python's web server; answers with what was asked for, and 1 MB. */
const HTTP_SERVER = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers['Host']}{self.path} ".encode())
        self.wfile.write(b"x" * 1000000)
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in args[0] else socket.AF_INET
server = Server((args[0], 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
`;

for (const runtime of runtimes) {
  const command = (name: string, ...args: string[]) =>
    commandOf(runtime, name, ...args);
  const serving = (name: string, ...args: string[]) =>
    start(command(name, "--port", "0", ...args));

  describe(`examples on ${runtime.name}`, () => {
    for (const name of ["parley echo", "parley greet"]) {
      for (const end of ["SIGINT", "SIGTERM"] as const) {
        it(`${name} logs and ends on ${end}`, signalled, async () => {
          await using server = serving(name);
          const port = await ready(server);
          const peers: string[] = [];
          for (let i = 0; i < 3; i++) {
            await using conn = await connect({ port });
            await conn.closeWrite();
            await recvAll(conn);
            peers.push(formatAddress(conn.localAddr));
          }
          signal(server, end);
          const { stdout, stderr, status } = await server.ended;
          assertEquals(stdout, `listening on 127.0.0.1:${port}\n`);
          const lines = stderr.split("\n");
          assertEquals(lines.pop(), "");
          assertEquals(lines.length, 3, stderr);
          lines.forEach((line, i) => assert(line.includes(peers[i]), stderr));
          assertEquals(status, 0);
        });
      }
    }

    it("a client may finish after the signal", signalled, async () => {
      await using server = serving("echo");
      const port = await ready(server);
      await using conn = await accepted(port);
      signal(server, "SIGTERM");
      await refused(port);
      await conn.send("late");
      await conn.closeWrite();
      assertEquals(text(await recvAll(conn)), "late");
      assertEquals((await server.ended).status, 0);
    });

    it("an idle client does not keep it for ever", signalled, async () => {
      await using echo = serving("parley echo");
      await using greeting = serving("parley greet", "--when", "message");
      await Promise.all([echo, greeting].map(async (server) => {
        const port = await ready(server);
        const { stderr } = server.process;
        assert(stderr !== null);
        const logged = once(stderr, "data");
        await using conn = await connect({ port });
        await logged;
        const started = performance.now();
        signal(server, "SIGINT");
        assertEquals(await conn.recv(), null);
        assertEquals((await server.ended).status, 0);
        const seconds = (performance.now() - started) / 1000;
        assert(seconds < 10, `${seconds} s`);
      }));
    });

    it("a second signal ends it at once", signalled, async () => {
      await using server = serving("echo");
      const port = await ready(server);
      await using conn = await accepted(port);
      signal(server, "SIGINT");
      await refused(port);
      const started = performance.now();
      signal(server, "SIGINT");
      assertEquals(await conn.recv(), null);
      assertEquals((await server.ended).status, 0);
      const seconds = (performance.now() - started) / 1000;
      assert(seconds < 3, `${seconds} s`);
    });

    it("a port in use is one line", options, async () => {
      await using server = serving("echo");
      const port = String(await ready(server));
      for (const name of ["echo", "greeting"]) {
        await assertFails(command(name, "--port", port), "EADDRINUSE");
      }
    });

    it("the port of an ended server is free at once", signalled, async () => {
      const port = await freePort();
      for (let i = 0; i < 2; i++) {
        // The greeting server closes first: TIME_WAIT is on its side.
        await using server = start(command("greeting", "--port", String(port)));
        assertEquals(await ready(server), port);
        await using conn = await connect({ port });
        assertEquals(text(await recvAll(conn)), "Hello, client!");
        await conn.close();
        signal(server, "SIGTERM");
        assertEquals((await server.ended).status, 0);
      }
    });

    it("a wrong argument is one line", options, async () => {
      await assertFails(command("echo", "--nope"), "--nope");
      await assertFails(command("echo", "--port=70000"), "port");
    });

    it("a server that is not there is one line", options, async () => {
      const port = String(await freePort());
      for (const name of ["client", "http_get"]) {
        await assertFails(command(name, "--port", port), "ECONNREFUSED");
      }
    });

    it("--hostname takes names and IPv6", options, async () => {
      await using local = serving("echo", "--hostname", "localhost");
      const line = await local.line();
      const real = /^listening on (127\.0\.0\.1|\[::1\]):[1-9]\d*$/;
      assert(real.test(line), line);
      await using server = serving("echo", "--hostname", "::1");
      const port = await ready(server, "[::1]");
      await assertPrints(
        command("client", "--hostname", "::1", "--port", String(port)),
        "Hello, world\n",
      );
    });

    it("client.ts prints what comes back", options, async () => {
      await using server = serving("echo");
      const port = String(await ready(server));
      const long = Array.from({ length: 16_667 }, (_, i) => i + 100_000);
      const messages = [
        "",
        "Hello\n",
        "Grüße, 世界 👋",
        "-dash",
        long.join("").slice(0, 100_000),
      ];
      await assertPrints(command("client", "--port", port), "Hello, world\n");
      for (const message of messages) {
        await assertPrints(
          command("client", "--port", port, `--message=${message}`),
          message.replace(/[^\n]$/, "$&\n"),
        );
      }
    });

    for (const host of ["127.0.0.1", "::1"]) {
      it(`http_get.ts prints the response of ${host}`, options, async () => {
        await using server = start(python(HTTP_SERVER, host));
        const port = await server.line();
        const args = ["--hostname", host, "--port", port, "--path", "/a?b=c"];
        const response = await output(command("http_get", ...args));
        const body = response.slice(response.indexOf("\r\n\r\n") + 4);
        const url = host === "::1" ? `[::1]:${port}` : `${host}:${port}`;
        assertEquals(response.slice(0, 17), "HTTP/1.0 200 OK\r\n");
        assertEquals(body.slice(0, -1e6 - 1), `${url}/a?b=c `);
        assert(
          body.endsWith(`${"x".repeat(1e6)}\n`),
          `${body.length} characters`,
        );
      });
    }

    it("greeting.ts takes --message", options, async () => {
      const message = "Grüße 👋\n";
      await using server = serving("greeting", "--message", message);
      const port = await ready(server);
      await using conn = await connect({ port });
      assertEquals(text(await recvAll(conn)), message);
    });

    for (const [name, port] of [["echo", 65432], ["greeting", 8080]] as const) {
      it(`${name}.ts listens on ${port} by default`, options, async () => {
        if (!await isFree(port)) {
          console.log(`Skipped: port ${port} is in use`);
          return;
        }
        await using server = start(command(name));
        assertEquals(await ready(server), port);
        const hello = `
s = socket.socket()
s.connect(("localhost", ${port}))
s.sendall(b"Hello, client!")
print(s.recv(1024))
`;
        assertEquals(await output(python(hello)), "b'Hello, client!'\n");
        if (name === "echo") {
          await assertPrints(command("client"), "Hello, world\n");
        }
      });
    }
  });
}

// The same code on every runtime, so on the one that starts fastest.
describe("examples", () => {
  const command = (name: string, ...args: string[]) =>
    commandOf(bun, name, ...args);

  it("a wrong argument is one line", options, async () => {
    await Promise.all([
      ...["abc", "70000", "", "1.5", "-1"].map((port) => {
        const echo = command("parley echo", `--port=${port}`);
        return assertFails(echo, "port", WRONG_ARGUMENTS);
      }),
      ...["abc", "70000", "1.5", "-1"].map((port) =>
        assertFails(command("echo", `--port=${port}`), "port")
      ),
      assertFails(command("echo", "--nope"), "--nope"),
      assertFails(command("echo", "extra"), "extra"),
      assertFails(command("greeting", "--when", "never"), "--when"),
      assertFails(command("client", "--port", "0"), "port"),
      assertFails(command("http_get", "--port", "x"), "port"),
    ]);
  });

  it("a value that looks like a flag is one line", options, async () => {
    const echo = command("parley echo", "--port", "-1");
    await assertFails(echo, "--port", WRONG_ARGUMENTS);
  });
});
