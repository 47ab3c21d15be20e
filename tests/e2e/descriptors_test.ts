// A server in a process without descriptors: it neither dies nor spins,
// and serves again as soon as some come free.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { cpu, descriptors, hasProc } from "../support/proc.ts";
import { output, runtimes } from "../support/programs.ts";
import { limited, startServerUnderTest } from "../support/server_under_test.ts";
import { exchange } from "../support/servers.ts";
import { type Transport, transports } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const LIMIT = 64;
const FLOOD = 100;

/** A client that may have to wait in the queue before it is served. */
async function knock(
  transport: Transport,
  addr: Address,
  wait: number,
): Promise<Connection | undefined> {
  const signal = AbortSignal.timeout(wait);
  return await connect({ ...transport.connectOptions(addr), signal })
    .catch(() => undefined);
}

/**
 * A client that is served; none where it came before descriptors were free, and
 * was refused, or accepted and closed, as by Node.js. It may try again.
 */
async function enter(
  transport: Transport,
  addr: Address,
): Promise<Connection | undefined> {
  const client = await knock(transport, addr, 2000);
  if (client === undefined) return;
  try {
    await client.send("alive");
    const answer = await client.recv();
    if (answer === null) return;
    assertEquals(text(answer), "alive");
    return client;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    assert(["ECONNRESET", "EPIPE"].includes(error.code), error.message);
  }
}

const options = { timeout: 60_000, skip: hasProc ? false : "No /proc" };

for (const runtime of runtimes) {
  describe(`a server on ${runtime.name} without descriptors`, () => {
    for (const transport of transports) {
      it(`neither dies nor spins, ${transport.name}`, options, async () => {
        await using server = await startServerUnderTest(runtime, {
          role: "echo",
          places: [transport.listenOptions()],
          limit: LIMIT,
        });
        const { pid, addrs: [addr] } = server;
        const free = descriptors(pid);
        const flood = await Promise.all(
          Array.from({ length: FLOOD }, () => knock(transport, addr, 2500)),
        );
        // A server may keep some free; all that it takes are taken by now.
        await until(() => descriptors(pid) >= LIMIT / 2);
        const [before, since] = [cpu(pid), performance.now()];
        // Not to wait for something, but to measure what goes on by itself.
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const share = (cpu(pid) - before) /
          ((performance.now() - since) / 1000);
        assert(share < 0.3, `${Math.round(share * 100)} % of a CPU in vain`);

        for (const conn of flood) await conn?.close();
        const freed = performance.now();
        let found: Connection | undefined;
        while (found === undefined && performance.now() - freed < 2000) {
          found = await enter(transport, addr);
        }
        assert(found, "Nobody was served within two seconds");
        await using client = found;
        const waited = performance.now() - freed;
        assert(waited < 2000, `Served after ${Math.round(waited)} ms`);
        await exchange(client, "again");
        await client.close();
        await until(() => descriptors(pid) <= free);
        await server.end();
      });
    }
  });
}

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

for (
  const [runtime, isFirst] of runtimes.flatMap((each) =>
    [[each, false], [each, true]] as const
  )
) {
  const when = isFirst ? "at first" : "later";
  it(
    `opening a socket without descriptors is EMFILE ${when}, ${runtime.name}`,
    options,
    async () => {
      const title = `emfile-${runtime.name}-${isFirst}`;
      const program = join(folder, `${title}.ts`);
      const path = JSON.stringify(join(folder, `${title}.sock`));
      writeFileSync(
        program,
        `const FIRST = ${isFirst};
import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { bind, connect, listen } from ${MOD};
// Deno panics if it has no descriptor left when it sets up its signals, which
// on a busy machine it does late.
process.on("SIGUSR2", () => {});
const { addr: { port } } = await listen({ port: 0 });
const unix = { transport: "unix", path: ${path} };
await listen(unix);
const socket = FIRST ? undefined : await bind({ port: 0 });
// Unless the calls are the first, what they load late is there.
if (!FIRST) await connect({ port });
try {
  for (;;) openSync("/dev/null");
} catch {}
const opening = [
  () => listen({ port: 0 }),
  () => listen({ ...unix, path: unix.path + "2" }),
  () => connect({ port }),
  () => connect(unix),
  () => connect({ port, signal: new AbortController().signal }),
  () => bind({ port: 0 }),
  () => listen({ hostname: "localhost", port: 0 }),
  () => connect({ hostname: "localhost", port }),
  () => bind({ hostname: "localhost", port: 0 }),
];
if (socket !== undefined) {
  opening.push(() => socket.sendTo("x", { hostname: "localhost", port }));
}
const codes = [];
for (const open of opening) codes.push((await open().catch((e) => e)).code);
writeSync(1, codes.join(" "));
process.exit();`,
      );
      const line = [
        "sh",
        "-c",
        limited(LIMIT),
        "sh",
        ...runtime.command,
        program,
      ];
      const codes = (await output(line)).split(" ");
      assertEquals(codes, Array(isFirst ? 9 : 10).fill("EMFILE"));
    },
  );
}
