// The loop guard against many loops, each of them slow; forged datagrams.
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { serveEcho } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { platform } from "../support/platform.ts";
import {
  output,
  type Program,
  python,
  type Runtime,
  runtimes,
  start,
} from "../support/programs.ts";
import { until } from "../support/wait.ts";

const PROGRAM = fileURLToPath(
  new URL("../support/udp_echoes_program.ts", import.meta.url),
);
const SERVERS = 20;

/** Sends a datagram from each address and port to each port on 127.0.0.1. */
const forge = (from: [string, number][], to: number[]) =>
  output(python(
    `import json
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
lo = socket.inet_aton("127.0.0.1")
for host, port in json.loads(args[0]):
    for to in json.loads(args[1]):
        udp = struct.pack("!HHHH", port, to, 13, 0) + b"loop!"
        ip = socket.inet_aton(host)
        head = struct.pack("!BBHHHBBH4s4s", 69, 0, 33, 0, 0, 64, 17, 0, ip, lo)
        s.sendto(head + udp, ("127.0.0.1", 0))`,
    JSON.stringify(from),
    JSON.stringify(to),
  ));

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

/** Why forged datagrams cannot be sent here. */
function noRawSockets(): string | false {
  if (platform === "linux" && process.getuid?.() === 0) return false;
  console.log("Skipped: forged sources need root, on Linux");
  return "needs root, on Linux";
}

const options = { timeout: 60_000, skip: noRawSockets() };

describe("many loops at once", () => {
  for (const runtime of runtimes) {
    it(`end on ${runtime.name}, all of them`, options, async () => {
      await using a = await startEchoes(runtime);
      await using b = await startEchoes(runtime);
      await forge(a.ports.map((port) => ["127.0.0.1", port]), b.ports);
      const sent = async () => {
        const counts = await Promise.all([a.counts(), b.counts()]);
        return counts.reduce((sum, { sent }) => sum + sent, 0);
      };
      let most = 0;
      for (;;) {
        const before = await sent();
        await new Promise((resolve) => setTimeout(resolve, 500));
        const now = await sent();
        most = Math.max(most, now - before);
        if (now === before) break;
      }
      assert(most > 1000, `Only ${most} sends in half a second`);
      const { withheld } = await a.counts();
      assert(withheld + (await b.counts()).withheld >= SERVERS ** 2);
    });
  }
});

describe("a datagram from a broadcast address gets no reply", () => {
  for (const hostname of ["127.0.0.1", "0.0.0.0", "::"]) {
    it(`on ${hostname}`, options, async () => {
      await using server = await serveEcho({
        transport: "udp",
        hostname,
        port: 0,
      });
      const sources: [string, number][] = [
        ["127.255.255.255", 40_000],
        ["255.255.255.255", 40_000],
        ["127.0.0.1", 40_000],
      ];
      await forge(sources, [server.addr.port]);
      await until(() => server.stats().sent === 1);
      const { received, sent, withheld } = server.stats();
      // The kernel may drop them before.
      assertEquals([sent, withheld], [1, received - 1]);
      console.log(`${hostname}: the kernel let ${received} of 3 pass`);
    });
  }
});
