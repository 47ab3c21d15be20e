// The memory of servers with peers that never read, or never stop sending.
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import { hasProc } from "../support/proc.ts";
import { runtimes } from "../support/programs.ts";
import { startServerUnderTest, watch } from "../support/server_under_test.ts";
import { transports } from "../support/transports.ts";

const options = { timeout: 60_000, skip: hasProc ? false : "No /proc" };
const MIB = 1024 * 1024;
const BOUND = 64 * MIB;
const PEERS = 4;

for (const { name, ...runtime } of runtimes) {
  describe(`the memory of a server on ${name} is bounded`, () => {
    for (const transport of transports) {
      for (const role of ["pour", "deaf"] as const) {
        const peer = role === "pour"
          ? "never read"
          : "send 256 MiB that is not read";
        it(`by peers that ${peer}, ${transport.name}`, options, async () => {
          await using server = await startServerUnderTest(
            { name, ...runtime },
            {
              role,
              places: [transport.listenOptions()],
            },
          );
          const { addrs: [addr], pid } = server;
          const before = watch(pid);
          const peers = await Promise.all(
            Array.from(
              { length: PEERS },
              () => transport.connect(addr),
            ),
          );
          const block = pattern(MIB);
          const floods = role === "pour" ? [] : peers.map(async (conn) => {
            for (let i = 0; i < 256 / PEERS; i++) await conn.send(block);
          });
          const refused = Promise.all(
            floods.map((flood) => flood.catch(({ code }) => code)),
          );
          const moved = () => peers.reduce((sum, p) => sum + p.bytesSent, 0);
          await server.still(moved);
          const grown = before.peak();
          assert(grown < BOUND, `${Math.round(grown / MIB)} MiB more`);
          const [{ active, bytesReceived, bytesSent }] = await server.stats();
          assertEquals(active, PEERS);
          // What the kernel holds, and no more, has gone.
          assert(bytesSent < 16 * PEERS * MIB, `${bytesSent} went`);
          assertEquals(bytesReceived, 0);
          assert(bytesSent + moved() > 65536, "Nothing was tried");
          for (const conn of peers) await conn.close();
          assertEquals(await refused, floods.map(() => "EBADF"));
          const [{ active: left }] = await server.end();
          assertEquals(left, 0);
        });
      }
    }
  });
}
