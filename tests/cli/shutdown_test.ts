// The line that a server prints when Ctrl+C ends it while clients are connected.
import { describe, it } from "node:test";
import { connect, type Connection } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvExactly } from "../support/bytes.ts";
import { parley, portIn } from "../support/cli.ts";
import { signal, signalled } from "../support/examples.ts";
import { type Program, runtimes, start } from "../support/programs.ts";

/** Returns a promise of the first line on standard error with this text. */
function lineWith(server: Program, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let errors = "";
  server.process.stderr?.on("data", (data) => {
    errors += data;
    const found = errors.split("\n").slice(0, -1)
      .find((line) => line.includes(text));
    if (found !== undefined) resolve(found);
  });
  server.ended.then(({ stderr }) => reject(new Error(`It ended: ${stderr}`)));
  return promise;
}

/** Connects, and waits until the server has a handler for it. */
async function served(port: number): Promise<Connection> {
  const conn = await connect({ port });
  await conn.send("x");
  await recvExactly(conn, 1);
  return conn;
}

for (const runtime of runtimes) {
  const echo = (...args: string[]) =>
    start(parley(runtime, "echo", "--port=0", ...args));

  describe(`Ctrl+C on ${runtime.name}`, () => {
    it("names the number of clients that it waits for", signalled, async () => {
      await using server = echo();
      const waits = lineWith(server, "waiting");
      const port = await portIn(server);
      await using _first = await served(port);
      await using _second = await served(port);
      signal(server, "SIGINT");
      const line = await waits;
      const text = "waiting up to 5 s for 2 clients; Ctrl+C again closes them";
      assert(/^[-\dT:.]+Z /.test(line), line);
      assertEquals(line.slice(line.indexOf(" ") + 1), text);
      signal(server, "SIGINT");
      const { status, stderr } = await server.ended;
      assertEquals(status, 0);
      assertEquals(stderr.split("waiting").length, 2, stderr);
    });

    it("prints a document of it with --json", signalled, async () => {
      await using server = echo("--json");
      const waits = lineWith(server, "waiting");
      await using _conn = await served(await portIn(server));
      signal(server, "SIGTERM");
      const { time, ...event } = JSON.parse(await waits);
      assert(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
      assertEquals(event, {
        event: "shutdown",
        count: 1,
        message: "waiting up to 5 s for 1 client; Ctrl+C again closes it",
      });
      signal(server, "SIGINT");
      assertEquals((await server.ended).status, 0);
    });

    it("prints nothing without clients", signalled, async () => {
      for (const args of [[], ["--udp"]]) {
        await using server = echo(...args);
        await server.line();
        signal(server, "SIGINT");
        const { status, stderr } = await server.ended;
        assertEquals([status, stderr], [0, ""]);
      }
    });
  });
}
