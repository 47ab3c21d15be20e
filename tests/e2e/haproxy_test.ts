// The examples behind HAProxy: with its recipe, and with a PROXY header.
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
  const port = await freePort();
  const recipe = (...args: string[]) => [
    ...["env", `ECHO_BIND=127.0.0.1:${port}`],
    ...targets.map((port, i) => `ECHO_${i + 1}=127.0.0.1:${port}`),
    ...["haproxy", "-f", file("haproxy.cfg"), ...args],
  ];
  await output(recipe("-c"));
  await using balancer = start(recipe("-db"));
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
  const down = await balancer.line();
  assert(/echo\/one is DOWN/.test(down), down);
  // The other has passed its checks by then, or no client would be served.
  const met = logged();
  await until(() => logged() > met);
  late.push(...await clients(port));

  await Promise.all(late.map(answers));
  await Promise.all(late.map(finish));
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
});

for (const runtime of runtimes) {
  it(
    `HAProxy in front of echo.ts on ${runtime.name}`,
    withHaproxy,
    async () => {
      for (const name of ["TCP/IPv4", "Unix"] as const) {
        const trusted = name === "Unix" ? "unix" : "127.0.0.0/8,::1";
        const flag = `--proxy-protocol=${trusted}`;
        await using server = await serve(runtime, name, "echo", flag);
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
