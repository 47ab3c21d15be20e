// Two servers, one on each runtime, behind HAProxy with the recipe for it.
import { spawnSync } from "node:child_process";
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
  options,
  ready,
  refused,
  signal,
} from "../support/examples.ts";
import { noPosix } from "../support/platform.ts";
import { output, start } from "../support/programs.ts";
import { until } from "../support/wait.ts";
import { answers, file, here, read, root, stages } from "./deploy.ts";

const noHaproxy = spawnSync("haproxy", ["-v"]).status !== 0 &&
  "There is no haproxy";
if (noHaproxy) console.log(`Skipped: ${noHaproxy}`);

/** Connections that have been served, and who they are. */
async function clients(port: number): Promise<Connection[]> {
  const conns = await Promise.all(
    Array.from({ length: 8 }, () => connect({ port })),
  );
  await Promise.all(conns.map(answers));
  return conns;
}

/** Waits until somebody listens there. */
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
  ...options,
  skip: noPosix() || noHaproxy,
}, async () => {
  const trusting = ["echo", "--port=0", "--proxy-protocol=127.0.0.1"];
  const [first, second] = stages(read("Containerfile")).map((image) =>
    start(here(root, [...image.entrypoint, ...trusting], 0))
  );
  await using one = first;
  await using two = second;
  const targets = [await ready(one), await ready(two)];
  const port = await freePort();
  const haproxy = (...args: string[]) => [
    ...["env", `ECHO_BIND=127.0.0.1:${port}`],
    ...targets.map((port, i) => `ECHO_${i + 1}=127.0.0.1:${port}`),
    ...["haproxy", "-f", file("haproxy.cfg"), ...args],
  ];
  await output(haproxy("-c"));
  await using balancer = start(haproxy("-db"));
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
  // The other has passed its checks by then, or nobody would be served.
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
