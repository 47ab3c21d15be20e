// The echo server behind HAProxy: with its recipe, and with a PROXY header.
import { it } from "node:test";
import {
  connect,
  type Connection,
  formatAddress,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import {
  freePort,
  ready,
  refused,
  serve,
  signal,
} from "../support/examples.ts";
import { haproxy, withHaproxy } from "../support/haproxy.ts";
import { connectThrough } from "../support/peers.ts";
import { noPosix } from "../support/platform.ts";
import { output, runtimes, start } from "../support/programs.ts";
import { until } from "../support/wait.ts";
import { answers, file, here, read, root, stages } from "./deploy.ts";

/** Connections that have been served. */
async function clients(port: number): Promise<Connection[]> {
  const conns = await Promise.all(
    Array.from({ length: 8 }, () => connect({ port })),
  );
  await Promise.all(conns.map(answers));
  return conns;
}

/** Waits until a server listens there. */
async function listening(port: number): Promise<void> {
  for (;;) {
    try {
      return await (await connect({ port })).close();
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      assertEquals(error.code, "ECONNREFUSED");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Ends in order: what the peer still says comes first. */
async function finish(conn: Connection): Promise<void> {
  await conn.closeWrite();
  assertEquals(text(await recvAll(conn)), "");
  await conn.close();
}

/** The page, and the metrics where that HAProxy has them. */
async function assertStats(url: string): Promise<void> {
  const page = await (await fetch(url)).text();
  assert(page.includes("Statistics Report"), page);
  const about = await output(["haproxy", "-vv"]);
  if (!about.includes("prometheus-exporter")) {
    return console.log("Skipped: this HAProxy has no Prometheus exporter");
  }
  const metrics = await (await fetch(`${url}metrics`)).text();
  const active =
    /^haproxy_server_status\{proxy="echo",server="one",state="UP"\} 1$/m;
  assert(active.test(metrics), metrics);
}

it("haproxy.cfg shares clients, names them, survives an end", {
  ...withHaproxy,
  skip: noPosix() || withHaproxy.skip,
}, async () => {
  const trusting = ["echo", "--port=0", "--proxy-protocol=127.0.0.1"];
  const [first, second] = stages(read("Containerfile")).map((image) =>
    start(here(root, [...image.entrypoint, ...trusting], 0))
  );
  await using one = first;
  await using two = second;
  const targets = [await ready(one), await ready(two)];
  const [port, statsPort] = [await freePort(), await freePort()];
  const recipe = ["haproxy", "-f", file("haproxy.cfg")];
  await output([...recipe, "-c", "-dW"]);
  await using balancer = start([
    ...["env", `ECHO_BIND=127.0.0.1:${port}`],
    `ECHO_STATS=127.0.0.1:${statsPort}`,
    ...targets.map((port, i) => `ECHO_${i + 1}=127.0.0.1:${port}`),
    ...[...recipe, "-db"],
  ]);
  /** Waits for its message on the state of a server. */
  const state = async (text: string) => {
    while (!(await balancer.line()).includes(text));
  };
  await listening(port);
  let log = "";
  two.process.stderr?.on("data", (data) => log += data);
  const logged = () => log.split("\n").length;

  const early = await clients(port);
  signal(one, "SIGTERM");
  await refused(targets[0]);
  // Before a health check can have noticed, and as a second try.
  const late = await clients(port);
  await Promise.all(early.map(answers));
  await Promise.all(early.map(finish));
  const ended = await one.ended;
  assertEquals(ended.status, 0, ended.stderr);
  await state("echo/one is DOWN");
  // The other has passed its checks by then, or no client would be served.
  const met = logged();
  await until(() => logged() > met);
  late.push(...await clients(port));

  // Again at that address, on the third runtime: it gets clients once more.
  const command = ["node", "src/cli.ts", ...trusting];
  command.push(`--port=${targets[0]}`);
  await using three = start(here(root, command, 0));
  assertEquals(await ready(three), targets[0]);
  await state("echo/one is UP");
  const shared = await clients(port);
  await assertStats(`http://127.0.0.1:${statsPort}/`);

  await Promise.all([...late, ...shared].map(answers));
  await Promise.all([...late, ...shared].map(finish));
  signal(three, "SIGTERM");
  const third = await three.ended;
  assertEquals(third.status, 0, third.stderr);
  signal(two, "SIGTERM");
  const { stderr } = await two.ended;
  const servedBy = (log: string, conns: Connection[]) =>
    conns.filter(({ localAddr }) =>
      new RegExp(`${formatAddress(localAddr)}\\b`).test(log)
    );
  const [ones, twos] = [ended.stderr, stderr].map((log) =>
    servedBy(log, early)
  );
  assert(ones.length > 0 && twos.length > 0, "Not shared");
  assertEquals(ones.length + twos.length, early.length);
  assertEquals(servedBy(stderr, late).length, late.length);
  assert(servedBy(third.stderr, shared).length > 0, "Not shared again");
  signal(balancer, "SIGTERM");
  const { stdout } = await balancer.ended;
  for (const { localAddr } of [...early, ...late, ...shared]) {
    const logged = `${
      formatAddress(localAddr)
    } \\[[^\\]]+\\] echo echo/(one|two) `;
    assert(new RegExp(`^${logged}`, "m").test(stdout), stdout);
  }
});

for (const runtime of runtimes) {
  it(
    `HAProxy in front of parley echo on ${runtime.name}`,
    withHaproxy,
    async () => {
      for (const name of ["TCP/IPv4", "Unix"] as const) {
        const trusted = name === "Unix" ? "unix" : "127.0.0.0/8,::1";
        const flag = `--proxy-protocol=${trusted}`;
        await using server = await serve(runtime, name, "parley echo", flag);
        const port = await freePort();
        const app = name === "Unix"
          ? `unix@${server.path}`
          : `127.0.0.1:${server.port}`;
        await using front = haproxy(
          `127.0.0.1:${port}`,
          `${app} send-proxy-v2`,
        );
        await using conn = await connectThrough(front, { port });
        await conn.send("hello");
        await conn.closeWrite();
        assertEquals(text(await recvAll(conn)), "hello");
        signal(server, "SIGTERM");
        const { stderr } = await server.ended;
        const [, peer] = stderr.split(/\s/);
        assertEquals(peer, formatAddress(conn.localAddr));
      }
    },
  );
}
