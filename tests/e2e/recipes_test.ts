// The examples survive a copy, on each runtime; and what some of them do: a Redis
// client against a real server, a line server, a port check.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, SocketError } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import {
  assertFails,
  assertPrints,
  command as commandOf,
  example,
  freePort,
  options,
  ready,
  signal,
  signalled,
} from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { bun, runtimes, start } from "../support/programs.ts";

const EXAMPLES = readdirSync(new URL("../../examples/", import.meta.url))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -".ts".length));
const SERVERS = [
  ...["chat", "daytime", "discard", "echo", "greeting", "line_server"],
  "proxy",
];

const copies = mkdtempSync(join(folder, "copies-"));
const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

/** Copies an example, with one line changed as a user would. */
function copy(name: string): string {
  const path = join(copies, `${name}.ts`);
  const source = readFileSync(example(name), "utf8");
  writeFileSync(path, source.replace('"../mod.ts"', MOD));
  return path;
}

const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
const withRedis = {
  ...options,
  skip: hasRedis ? false : "redis-server is not installed",
};

/** Starts an empty Redis server. */
async function redis(): Promise<AsyncDisposable & { port: string }> {
  const port = await freePort();
  const server = spawn(
    "redis-server",
    ["--port", String(port), "--bind", "127.0.0.1", "--save", ""],
    { stdio: "ignore" },
  );
  const ended = once(server, "exit");
  for (let isUp = false; !isUp;) {
    assertEquals(server.exitCode, null);
    try {
      await (await connect({ port })).close();
      isUp = true;
    } catch (error) {
      // It does not listen yet.
      if (!(error instanceof SocketError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return {
    port: String(port),
    async [Symbol.asyncDispose]() {
      server.kill();
      await ended;
    },
  };
}

describe("each example", () => {
  for (const name of EXAMPLES) {
    it(`${name}.ts imports the package and node: alone`, () => {
      const source = readFileSync(example(name), "utf8");
      const specifiers = [...source.matchAll(/(?:from|import)[ (]+"([^"]+)"/g)]
        .map(([, specifier]) => specifier)
        .filter((specifier) => !specifier.startsWith("node:"));
      assertEquals(specifiers, ["../mod.ts"]);
    });

    it(`${name}.ts takes -h, and no unknown flag`, options, async () => {
      await using help = start(commandOf(bun, name, "-h"));
      assert((await help.ended).stdout.startsWith(`Usage: ${name}.ts `));
      await assertFails(commandOf(bun, name, "--nope"), "--nope");
    });
  }
});

for (const runtime of runtimes) {
  const command = (name: string, ...args: string[]) =>
    commandOf(runtime, name, ...args);

  describe(`examples on ${runtime.name}`, () => {
    for (const name of EXAMPLES) {
      it(`a copy of ${name}.ts answers --help`, options, async () => {
        const help = [...runtime.command, copy(name), "--help"];
        await using program = start(help);
        const { stdout, stderr, status } = await program.ended;
        assertEquals(stderr, "");
        assert(stdout.startsWith(`Usage: ${name}.ts `), stdout);
        assert(stdout.includes("  -h, --help "), stdout);
        assert(stdout.endsWith("\n"));
        assertEquals(status, 0);
      });
    }

    for (const name of SERVERS) {
      it(`a copy of ${name}.ts serves until SIGINT`, signalled, async () => {
        const run = [...runtime.command, copy(name), "--port=0"];
        await using server = start(run);
        const port = await ready(server);
        // The proxy has no target, but takes the client.
        await (await connect({ port })).close();
        signal(server, "SIGINT");
        const { stdout, status } = await server.ended;
        assertEquals(stdout, `listening on 127.0.0.1:${port}\n`);
        assertEquals(status, 0);
      });
    }

    it("redis.ts sends commands and prints replies", withRedis, async () => {
      await using server = await redis();
      const at = ["--port", server.port];
      await assertPrints(
        command(
          "redis",
          ...at,
          "SET greeting Grüße",
          "GET greeting",
          "GET nothing",
          "RPUSH list 1 2",
          "LRANGE list 0 -1",
        ),
        "OK\nGrüße\n(nil)\n2\n1\n2\n",
      );
      await using program = start(command("redis", ...at, "SET one"));
      const { stdout, status } = await program.ended;
      assert(stdout.startsWith("(error) ERR wrong number"), stdout);
      assertEquals(status, 1);
    });

    it("redis.ts pipelines 10,000 commands", withRedis, async () => {
      await using server = await redis();
      await using program = start(command("redis", "--port", server.port));
      program.process.stdin?.end("INCR counter\n".repeat(10_000));
      const { stdout, stderr } = await program.ended;
      assertEquals(stderr, "");
      const expected = Array.from({ length: 10_000 }, (_, i) => `${i + 1}\n`);
      assert(stdout === expected.join(""), stdout.slice(-100));
    });

    it("redis.ts takes a value of 5 MiB", withRedis, async () => {
      await using server = await redis();
      const value = "0123456789abcdef".repeat(5 * 65_536);
      await using program = start(command("redis", "--port", server.port));
      program.process.stdin?.end(`SET large ${value}\nGET large\n`);
      const { stdout, stderr } = await program.ended;
      assertEquals(stderr, "");
      assert(stdout === `OK\n${value}\n`, `${stdout.length} characters`);
    });

    it("redis.ts says that there is no server", options, async () => {
      const port = String(await freePort());
      await assertFails(command("redis", "--port", port, "PING"), "REFUSED");
    });

    it("line_server.ts answers lines, ends on SIGINT", signalled, async () => {
      await using server = start(command("line_server", "--port", "0"));
      const port = await ready(server);
      await using conn = await connect({ port });
      await conn.send("echo  Grüße, 世界\r\nwhat\nQUIT\nECHO not this\n");
      await conn.closeWrite();
      assertEquals(
        text(await recvAll(conn)),
        "Grüße, 世界\nExpected TIME, ECHO TEXT or QUIT\nBye\n",
      );
      await using long = await connect({ port });
      await long.send("x".repeat(1025));
      assertEquals(
        text(await recvAll(long)),
        "A line is longer than 1024 bytes\n",
      );
      await long.close();
      signal(server, "SIGINT");
      const { stderr, status } = await server.ended;
      assertEquals(stderr, "");
      assertEquals(status, 0);
    });

    it(
      "port_check.ts distinguishes open and closed ports",
      options,
      async () => {
        await using server = start(command("line_server", "--port", "0"));
        const open = `127.0.0.1:${await ready(server)}`;
        const closed = `localhost:${await freePort()}`;
        await using one = start(command("port_check", open));
        const { stdout, status } = await one.ended;
        assert(/^127\.0\.0\.1:\d+ open \d+\.\d ms\n$/.test(stdout), stdout);
        assertEquals(status, 0);
        await using both = start(command("port_check", closed, open));
        const result = await both.ended;
        assert(
          result.stdout.includes(`${closed} ECONNREFUSED\n`),
          result.stdout,
        );
        assert(result.stdout.includes(`${open} open`), result.stdout);
        assertEquals(result.status, 1);
        await assertFails(command("port_check", "nonsense"), "HOST:PORT");
      },
    );
  });
}
