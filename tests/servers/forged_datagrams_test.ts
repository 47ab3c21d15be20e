// The loop guard against forged datagrams.
import process from "node:process";
import { describe, it } from "node:test";
import { serveEcho } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { platform } from "../support/platform.ts";
import { output, python } from "../support/programs.ts";
import { until } from "../support/wait.ts";

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

/** Why forged datagrams cannot be sent here. */
function noRawSockets(): string | false {
  if (platform === "linux" && process.getuid?.() === 0) return false;
  console.log("Skipped: forged sources need root, on Linux");
  return "needs root, on Linux";
}

const options = { timeout: 60_000, skip: noRawSockets() };

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
