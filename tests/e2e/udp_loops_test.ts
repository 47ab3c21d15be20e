// The loop guard against many loops at once, each of them slow.
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { forge, noRawSockets } from "../support/forged_datagrams.ts";
import {
  type Program,
  type Runtime,
  runtimes,
  start,
} from "../support/programs.ts";

const PROGRAM = fileURLToPath(
  new URL("../support/udp_echoes_program.ts", import.meta.url),
);
const SERVERS = 20;
/** Sends of both in half a second at the rate of an address, and some more. */
const HALF_A_SECOND = 6500;

interface Counts {
  received: number;
  sent: number;
  withheld: number;
}

async function startEchoes({ command }: Runtime) {
  const program: Program = start([...command, PROGRAM, String(SERVERS)]);
  const ports: number[] = JSON.parse(await program.line());
  return {
    ports,
    async counts(): Promise<Counts> {
      program.process.stdin?.write("\n");
      return JSON.parse(await program.line());
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

const options = { timeout: 60_000, skip: noRawSockets() };

describe("many loops at once", () => {
  for (const runtime of runtimes) {
    it(
      `are held to the rate of an address, ${runtime.name}`,
      options,
      async () => {
        await using a = await startEchoes(runtime);
        await using b = await startEchoes(runtime);
        await forge(a.ports.map((port) => ["127.0.0.1", port]), b.ports);
        const sent = async () => {
          const counts = await Promise.all([a.counts(), b.counts()]);
          return counts.reduce((sum, { sent }) => sum + sent, 0);
        };
        const withheld = async () => {
          const counts = await Promise.all([a.counts(), b.counts()]);
          return counts.reduce((sum, { withheld }) => sum + withheld, 0);
        };
        const start = performance.now();
        for (;;) {
          const before = await sent();
          await new Promise((resolve) => setTimeout(resolve, 500));
          const isSlow = await sent() - before <= HALF_A_SECOND;
          if (isSlow && await withheld() > 0) break;
          // On a machine that is busy they may never exceed the rate.
          if (isSlow && performance.now() - start > 20_000) {
            return console.log(
              `${runtime.name}: the loops stay below the rate`,
            );
          }
        }
      },
    );
  }
});
