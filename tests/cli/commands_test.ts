// The commands, their help, and their errors.
import { describe, it } from "node:test";
import { connect, formatAddress } from "../../mod.ts";
import { connectFlags } from "../../src/cli/connect.ts";
import { greetingFlags, serverFlags } from "../../src/cli/flags.ts";

import { pingFlags } from "../../src/cli/ping/options.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { assertRefuses, cli, parley, ping, portIn } from "../support/cli.ts";
import { assertIntact, targetIn } from "../support/ping.ts";
import {
  freePort,
  listenFlags,
  only,
  options,
  signal,
  transportNames,
  unixOnly,
} from "../support/examples.ts";
import { platform } from "../support/platform.ts";
import { bun, output, runtimes, start } from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";
import config from "../../deno.json" with { type: "json" };

const flags = {
  echo: serverFlags("0"),
  greet: greetingFlags,
  ping: pingFlags,
  connect: connectFlags,
};

/** Names of the transports in the document of `ping`. */
const TRANSPORTS = {
  "TCP/IPv4": "tcp",
  "TCP/IPv6": "tcp",
  "Unix": "unix",
  "TLS": "tls",
  "UDP": "udp",
};

/** The lines that do not fit a terminal of 80 columns and 24 lines. */
function tooLarge(help: string): string[] {
  const lines = help.trimEnd().split("\n");
  return lines.filter((line, i) => line.length > 80 || i >= 24);
}

// The same code on every runtime, so on the one that starts fastest.
describe("the command line", () => {
  const run = (...args: string[]) => parley(bun, ...args);

  it("--help fits a terminal, and lists all flags", options, async () => {
    const general = await output(run("--help"));
    assertEquals(await output(run("-h")), general);
    assertEquals(tooLarge(general), []);
    for (const name of ["json", "log", "deno"]) {
      assert(general.includes(name), general);
      assertEquals(tooLarge(await output(run("help", name))), []);
    }
    for (const [name, own] of Object.entries(flags)) {
      const help = await output(run(name, "--help"));
      assertEquals(await output(run(name, "-h")), help);
      assert(general.includes(`  ${name} `), general);
      assert(help.startsWith(`Usage: parley ${name} `), help);
      assert(help.includes(" -N"), "It names no permission of Deno");
      assertEquals(tooLarge(help), []);
      for (const flag of Object.keys(own)) {
        assert(help.includes(`--${flag} `), `${name} --${flag}`);
      }
    }
  });

  it("wrong arguments are one line and status 2", options, async () => {
    const wrong: [string[], string][] = [
      [[], "echo, greet, ping or connect"],
      [["pong"], '"pong": expected echo, greet, ping or connect'],
      [["--nope"], "parley --help"],
      [["help", "pong"], "json"],
      [["echo", "--nope"], "parley echo --help"],
      [["connect"], "TARGET"],
      [["connect", "a"], "HOST:PORT"],
      [["connect", "a:7", "-W", "0"], "--timeout"],
      [["echo", "extra"], '"extra"'],
      [["echo", "--port", "x"], "--port"],
      [["echo", "--port", "70000"], "70000"],
      [["echo", "--udp", "--cert", "c", "--key", "k"], "--cert"],
      [["greet", "--when", "never"], "--when"],
      [["ping"], "TARGET"],
      [["ping", "127.0.0.1:"], "HOST:PORT"],
      [["echo", "--remove-stale"], "--unix"],
      [["ping", "::1:7"], "[IPV6]:PORT"],
      [["ping", "a:0"], "port"],
      [["ping", "a:65536"], "port"],
      [["ping", "a:7", "b:7"], "b:7"],
      [["ping", "a:7", "-c", "0"], "--count"],
      [["ping", "a:7", "-c", "1.5"], "--count"],
      [["ping", "a:7", "-i", "soon"], "--interval"],
      [["ping", "a:7", "-W", "0"], "--timeout"],
      [["ping", "a:7", "-s", "0"], "--size"],
      [["ping", "a:7", "-s", "67108865"], "67108864"],
      [["ping", "a:7", "--udp", "-s", "65508"], "65507"],
      [["ping", "a:7", "--udp", "--tls"], "--tls"],
      [["ping", "a:7", "--udp", "--ca", ""], "--ca"],
      [["ping", "unix:/x", "--udp"], "--udp"],
      [["ping", "unix:/x", "--server-name", "a"], "--server-name"],
      [["ping", "a:7", "--nope"], "parley ping --help"],
    ];
    const left = wrong.values();
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (const [args, message] of left) {
        await assertRefuses(run(...args), message, 2);
      }
    }));
  });
});

for (const [i, runtime] of runtimes.entries()) {
  /** Pings the servers, so that each runtime does both. */
  const next = runtimes[(i + 1) % runtimes.length];
  const run = (...args: string[]) => parley(runtime, ...args);

  describe(`the command line on ${runtime.name}`, () => {
    it("--version prints name, version and runtime", options, async () => {
      const printed = await output(run("--version"));
      assertEquals(await output(run("-V")), printed);
      const [name, version, where, ...rest] = printed.trimEnd().split(" ");
      assertEquals([name, version], [config.name, config.version]);
      // "Node.js/24", of the runtime that `node` starts.
      const title = where.toLowerCase().replace("node.js", "node");
      assert(title.startsWith(`${runtime.name}/`), where);
      assertEquals(rest, []);
    });

    it("--help and wrong arguments", options, async () => {
      const help = await output(run("--help"));
      assert(help.startsWith("Usage: parley "), help);
      await assertRefuses(run("echo", "--nope"), "parley echo --help", 2);
      await assertRefuses(run("ping", "a:7", "-c"), "--count", 2);
      await assertRefuses(run("echo", "--port", "70000"), "70000", 2);
    });

    it("later errors are one line and status 1", options, async () => {
      const port = `${await freePort()}`;
      await using server = start(run("echo", "--port", port));
      await portIn(server);
      await assertRefuses(run("echo", "--port", port), "EADDRINUSE", 1);
      await assertRefuses(run("greet", "--port", port), "EADDRINUSE", 1);
      const unused = `127.0.0.1:${await freePort()}`;
      await assertRefuses(run("ping", unused), "ECONNREFUSED", 1);
      await assertRefuses(run("ping", `unix:${pathOf()}`), "ENOENT", 1);
      await assertRefuses(run("ping", "--ca", "/no/ca", unused), "/no/ca", 1);
    });

    for (const transport of transportNames) {
      it(`echo serves ping, ${transport}`, options, async () => {
        await using server = start(run("echo", ...listenFlags(transport)));
        const target = targetIn(await server.line());
        const document = await ping(next, ...target, "-c", "3", "-i", "0");
        assertIntact(document, 3);
        assertEquals(document.target, target[0]);
        assertEquals(document.transport, TRANSPORTS[transport]);
        signal(server, "SIGINT");
        assertEquals((await server.ended).status, 0);
      });
    }

    it("echo serves ping, an abstract Unix name", {
      ...options,
      skip: platform !== "linux" && "Only Linux has abstract names",
    }, async () => {
      const name = `@${crypto.randomUUID()}`;
      await using server = start(run("echo", "--unix", name));
      assertEquals(await server.line(), `listening on unix:${name}`);
      const document = await ping(
        runtime,
        `unix:${name}`,
        "-c",
        "2",
        "-i",
        "0",
      );
      assertIntact(document, 2);
      assertEquals(document.target, `unix:${name}`);
    });

    it("echo takes the limits of a server", options, async () => {
      const limits = ["--max-connections-per-host=1", "--idle-timeout=500"];
      await using server = start(run("echo", "--port=0", ...limits));
      const port = await portIn(server);
      await using first = await connect({ port });
      await using second = await connect({ port });
      // The second is closed at once, the first after the idle timeout.
      const idle = recvAll(first);
      assertEquals((await recvAll(second)).length, 0);
      assertEquals((await idle).length, 0);
    });

    it("echo logs some rejects, and counts the rest", options, async () => {
      const limit = "--max-connections-per-host=1";
      await using server = start(run("echo", "--port=0", limit));
      let errors = "";
      const counted = Promise.withResolvers<void>();
      server.process.stderr?.on("data", (data) => {
        errors += data;
        if (errors.includes("more")) counted.resolve();
      });
      const port = await portIn(server);
      await using first = await connect({ port });
      await first.send("in");
      await first.recv();
      for (let i = 0; i < 40; i++) {
        await using conn = await connect({ port });
        await recvAll(conn);
      }
      await counted.promise;
      const lines = errors.trimEnd().split("\n").slice(1);
      assert(lines.length < 20, errors);
      assert(
        /^[-\dT:.]+Z Cannot accept 127.*\(EAGAIN\): its host has/.test(
          lines[0],
        ),
      );
      assert(lines.some((line) => /Z … and \d+ more/.test(line)), errors);
    });

    it("--json logs documents", options, async () => {
      const flags = ["--json", "--max-connections-per-host=1"];
      await using server = start(run("echo", "--port=0", ...flags));
      const port = await portIn(server);
      await using first = await connect({ port });
      await first.send("in");
      await first.recv();
      await using second = await connect({ port });
      await recvAll(second);
      await first.close();
      signal(server, "SIGINT");
      const { stderr } = await server.ended;
      const [connected, rejected, ...rest] = stderr.trimEnd().split("\n")
        .map((line) => JSON.parse(line));
      assertEquals(rest, []);
      assert(Math.abs(Date.parse(connected.time) - Date.now()) < 60_000);
      assertEquals(connected.event, "connect");
      assertEquals(connected.peer, formatAddress(first.localAddr));
      assertEquals(rejected.event, "reject");
      assertEquals(rejected.peer, formatAddress(second.localAddr));
      assertEquals(rejected.code, "EAGAIN");
      assert(rejected.message.startsWith("Cannot accept "), stderr);
    });

    it("connect measures, and tells what is not open", options, async () => {
      await using server = start(run("greet", "--port=0", "--when=message"));
      const open = `127.0.0.1:${await portIn(server)}`;
      const printed = await output(run("connect", open, "-c2", "-i0"));
      const line = `${open} open: tcp time=\\d+\\.\\d{3} ms\\n`;
      assert(new RegExp(`^(${line}){2}$`).test(printed), printed);
      const closed = `127.0.0.1:${await freePort()}`;
      const command = run("connect", open, closed, "--timeout", "2");
      await using program = start(command);
      const { stdout, stderr, status } = await program.ended;
      assert(stdout.includes(`${open} open: tcp`), stdout);
      assert(stdout.includes(`${closed} failed: ECONNREFUSED\n`), stdout);
      assertEquals([stderr, status], ["", 1]);
    });

    it(
      "--remove-stale takes the path of a killed server",
      unixOnly,
      async () => {
        const path = pathOf();
        await using first = start(run("echo", "--unix", path));
        await first.line();
        first.process.kill("SIGKILL");
        await first.ended;
        await assertRefuses(run("echo", "--unix", path), "EADDRINUSE", 1);
        await using next = start(run("echo", "--unix", path, "--remove-stale"));
        assertEquals(await next.line(), `listening on unix:${path}`);
      },
    );

    it("greet greets, and stops on a signal", options, async () => {
      await using server = start(run("greet", "--port=0", "--message=Hi 👋"));
      const port = await portIn(server);
      const conn = await connect({ port });
      assertEquals(text(await recvAll(conn)), "Hi 👋");
      await conn.close();
      signal(server, "SIGTERM");
      assertEquals((await server.ended).status, 0);
    });

    it("greet may wait for a message", options, async () => {
      await using server = start(run("greet", "--port=0", "--when=message"));
      await using conn = await connect({ port: await portIn(server) });
      await conn.send("Hello?");
      assertEquals(text(await recvAll(conn)), "Hello, client!");
    });
  });
}

describe("the command line on Deno", () => {
  it("reports the permission that it lacks", options, async () => {
    const lacking: [string[], string[], string][] = [
      [[], ["echo", "--port=0"], "--allow-net"],
      [[], ["greet", "--port=0"], "--allow-net"],
      [[], ["ping", "127.0.0.1:7"], "--allow-net"],
      [[], ["ping", "--udp", "127.0.0.1:7"], "--allow-net"],
      [["-N=0.0.0.0:0"], ["ping", "--udp", "127.0.0.1:7"], "--allow-net"],
      [["-N"], ["ping", "unix:/tmp/none"], "--allow-read"],
      [["-N"], ["ping", "--ca=/tmp/none", "127.0.0.1:7"], "--allow-read"],
      [["-N"], ["echo", "--cert=/no", "--key=/no"], "--allow-read"],
    ];
    for (const [granted, args, flag] of lacking) {
      await assertRefuses(only(...granted, cli, ...args), flag, 1);
    }
  });

  it("needs -N for the network, and nothing else", options, async () => {
    for (const args of [[], ["--udp"]]) {
      const command = only("-N", cli, "echo", "--port=0", ...args);
      await using server = start(command);
      const target = targetIn(await server.line());
      await output(only("-N", cli, "ping", ...target, "-c1"));
    }
  });
});
