// The loop guard against many loops at once, each of them slow.
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { platform } from "../support/platform.ts";
import {
  output,
  type Program,
  python,
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
