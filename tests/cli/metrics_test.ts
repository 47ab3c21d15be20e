// `--metrics`: the counters of a server over HTTP, as Prometheus reads them.
import { spawnSync } from "node:child_process";
import { connect as connectSocket } from "node:net";
import { once } from "node:events";
import { describe, it } from "node:test";
import { bind, connect, SocketError } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, recvExactly, text } from "../support/bytes.ts";
import { assertRefuses, cli, parley, portIn } from "../support/cli.ts";
import {
  freePort,
  listenFlags,
  only,
  options,
  refused,
  signal,
  signalled,
  streamNames,
  unixOnly,
} from "../support/examples.ts";
import { noSecondHost } from "../support/platform.ts";
import { bun, type Program, runtimes, start } from "../support/programs.ts";

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
if (!hasPromtool) console.log("Skipped: promtool is not installed");

/** Returns the address in the second line of a server. */
async function metricsIn(server: Program): Promise<string> {
  const line = await server.line();
  const [, url] = /^metrics on (http:\/\/\S+:[1-9]\d*\/metrics)$/.exec(line) ??
    [];
  assert(url !== undefined, line);
  return url;
}

/** Reads the counters: the last value of each name, and its type. */
async function scrape(url: string): Promise<Record<string, number>> {
  const response = await fetch(url);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), CONTENT_TYPE);
  const body = await response.text();
  assertEquals(response.headers.get("content-length"), `${body.length}`);
  if (hasPromtool) {
    const { status, stdout, stderr } = spawnSync(
      "promtool",
      ["check", "metrics"],
      { input: body, encoding: "utf8" },
    );
    assertEquals(status, 0, `${stdout}${stderr}\n${body}`);
  }
  const samples = body.matchAll(/^(parley_\w+) (\d+)$/gm);
  const values = Object.fromEntries(
    [...samples].map(([, name, value]) => [name, Number(value)]),
  );
  for (const name of Object.keys(values)) {
    const type = name.endsWith("_total") ? "counter" : "gauge";
    assert(body.includes(`# TYPE ${name} ${type}\n`), body);
    assert(new RegExp(`^# HELP ${name} [A-Z].*\\.$`, "m").test(body), body);
  }
  assertEquals(
    body.trimEnd().split("\n").length,
    3 * Object.keys(values).length,
  );
  return values;
}

/** Asks again until a counter has this value. */
async function untilScraped(
  url: string,
  name: string,
  value: number,
): Promise<Record<string, number>> {
  for (;;) {
    const values = await scrape(url);
    if (values[name] === value) return values;
  }
}

async function assertNotThere(hostname: string, port: number): Promise<void> {
  try {
    await (await connect({ hostname, port })).close();
  } catch (error) {
    assert(error instanceof SocketError);
    assertEquals(error.code, "ECONNREFUSED");
    return;
  }
  throw new Error(`${hostname}:${port} is open`);
}

for (const runtime of runtimes) {
  const run = (...args: string[]) => parley(runtime, ...args);

  describe(`--metrics on ${runtime.name}`, () => {
    it("counts connections and bytes", options, async () => {
      const flags = ["--metrics=0", "--max-connections-per-host=1"];
      await using server = start(run("echo", "--port=0", ...flags));
      const port = await portIn(server);
      const url = await metricsIn(server);
      assert(url.startsWith("http://127.0.0.1:"), url);
      assertEquals(await scrape(url), {
        parley_connections_active: 0,
        parley_connections_accepted_total: 0,
        parley_connections_rejected_total: 0,
        parley_received_bytes_total: 0,
        parley_sent_bytes_total: 0,
      });
      await using conn = await connect({ port });
      await conn.send("hello");
      await recvExactly(conn, 5);
      await using second = await connect({ port });
      await recvAll(second);
      const full = await untilScraped(
        url,
        "parley_connections_rejected_total",
        1,
      );
      assertEquals(full, {
        parley_connections_active: 1,
        parley_connections_accepted_total: 1,
        parley_connections_rejected_total: 1,
        parley_received_bytes_total: 5,
        parley_sent_bytes_total: 5,
      });
      await conn.close();
      const { parley_connections_accepted_total: accepted } =
        await untilScraped(url, "parley_connections_active", 0);
      assertEquals(accepted, 1);
    });

    it("counts datagrams", options, async () => {
      const flags = ["--port=0", "--udp", "--metrics=0"];
      await using server = start(run("echo", ...flags));
      const port = await portIn(server);
      const url = await metricsIn(server);
      await using socket = await bind({ port: 0 });
      await socket.sendTo("hello", { hostname: "127.0.0.1", port });
      await socket.recvFrom();
      const values = await untilScraped(
        url,
        "parley_datagrams_sent_total",
        1,
      );
      assertEquals(values, {
        parley_datagrams_received_total: 1,
        parley_datagrams_sent_total: 1,
        parley_datagrams_withheld_total: 0,
        parley_datagrams_dropped_total: 0,
        parley_received_bytes_total: 5,
        parley_sent_bytes_total: 5,
      });
    });

    it("counts what greet sends, on a Unix socket", unixOnly, async () => {
      const flags = listenFlags("Unix");
      await using server = start(run("greet", ...flags, "--metrics=0"));
      await server.line();
      const url = await metricsIn(server);
      await using conn = await connect({ transport: "unix", path: flags[1] });
      assertEquals(text(await recvAll(conn)), "Hello, client!");
      await untilScraped(url, "parley_sent_bytes_total", 14);
    });

    it("answers GET and HEAD of /metrics alone", options, async () => {
      await using server = start(run("echo", "--port=0", "--metrics=0"));
      await server.line();
      const url = await metricsIn(server);
      const head = await fetch(url, { method: "HEAD" });
      assertEquals(head.status, 200);
      assertEquals(head.headers.get("content-type"), CONTENT_TYPE);
      assertEquals(await head.text(), "");
      const query = await fetch(`${url}?name[]=x`);
      assertEquals(query.status, 200);
      await query.text();
      for (const path of ["/", "/metrics/", "/metricsx", "/%6detrics", "//x"]) {
        const other = await fetch(new URL(url).origin + path);
        assertEquals(other.status, 404, path);
        await other.text();
      }
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const body = method === "POST" ? "x" : undefined;
        const other = await fetch(url, { method, body });
        assertEquals(other.status, 405, method);
        assertEquals(other.headers.get("allow"), "GET, HEAD");
        await other.text();
      }
    });

    it("is on loopback unless a host is given", {
      ...options,
      skip: noSecondHost(),
    }, async () => {
      const port = await freePort();
      await using server = start(run("echo", "--port=0", `--metrics=${port}`));
      await server.line();
      assertEquals(await metricsIn(server), `http://127.0.0.1:${port}/metrics`);
      await assertNotThere("127.0.0.2", port);
      const given = `--metrics=127.0.0.2:${port}`;
      await using other = start(run("echo", "--port=0", given));
      await other.line();
      const url = await metricsIn(other);
      assertEquals(url, `http://127.0.0.2:${port}/metrics`);
      await scrape(url);
    });

    it("takes an IPv6 address", {
      ...options,
      skip: streamNames.includes("TCP/IPv6") ? false : "No IPv6",
    }, async () => {
      const flags = ["--port=0", "--metrics=[::1]:0"];
      await using server = start(run("echo", ...flags));
      await server.line();
      const url = await metricsIn(server);
      assert(url.startsWith("http://[::1]:"), url);
      await scrape(url);
    });

    it("ends with the server, whoever is connected", signalled, async () => {
      await using server = start(run("echo", "--port=0", "--metrics=0"));
      const port = await portIn(server);
      const url = new URL(await metricsIn(server));
      await scrape(url.href);
      const scraper = connectSocket(Number(url.port), "127.0.0.1");
      scraper.on("error", () => {});
      await once(scraper, "connect");
      scraper.write("GET /metrics HTTP/1.1\r\n");
      await using conn = await connect({ port });
      await conn.send("x");
      await recvExactly(conn, 1);
      signal(server, "SIGTERM");
      await refused(port);
      // While it waits for this client, it can still be watched. One that found
      // the port open may be there for a moment.
      let active;
      do active = (await scrape(url.href)).parley_connections_active; while (
        active > 1
      );
      assertEquals(active, 1);
      await conn.close();
      const started = performance.now();
      const { status, stdout } = await server.ended;
      scraper.destroy();
      assertEquals(status, 0, stdout);
      assert(performance.now() - started < 3000, "It was kept alive");
      await assertNotThere("127.0.0.1", Number(url.port));
    });

    it("a port in use is an error before it serves", options, async () => {
      const port = await freePort();
      await using server = start(run("echo", "--port=0", `--metrics=${port}`));
      await server.line();
      await metricsIn(server);
      const again = run("echo", "--port=0", `--metrics=${port}`);
      await assertRefuses(again, `127.0.0.1:${port} (EADDRINUSE)`, 1);
      const away = run("echo", "--port=0", "--metrics=192.0.2.1:0");
      await assertRefuses(away, "192.0.2.1:0 (EADDRNOTAVAIL)", 1);
    });
  });
}

it(
  "--metrics on Deno reports the permission that it lacks",
  options,
  async () => {
    const port = await freePort();
    const granted = ["--allow-net=127.0.0.1:0"];
    const command = [cli, "echo", "--port=0", `--metrics=${port}`];
    await assertRefuses(only(...granted, ...command), "--allow-net", 1);
  },
);

it("--metrics: a wrong address is a wrong argument", options, async () => {
  const wrong = ["", "::1:9", "127.0.0.1:"];
  for (const address of wrong) {
    const command = parley(bun, "echo", "--port=0", `--metrics=${address}`);
    await assertRefuses(command, "expected PORT, HOST:PORT", 2);
  }
  await assertRefuses(
    parley(bun, "greet", "--port=0", "--metrics=65536"),
    "65536",
    2,
  );
});
