// The loop guard against forged datagrams.
import { describe, it } from "node:test";
import { serveEcho } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { forge, noRawSockets } from "../support/forged_datagrams.ts";
import { until } from "../support/wait.ts";

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
