// The parts of the soak. Each attacks a server in a process of its own, on the
// runtime that it runs on itself, and returns what it did.
import { createHash } from "node:crypto";
import {
  type Address,
  connect,
  type Connection,
  type ListenOptions,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { pattern, recvExactly, text } from "../support/bytes.ts";
import { memory } from "../support/proc.ts";
import type { Runtime } from "../support/programs.ts";
import { startCutter } from "../support/raw_peer.ts";
import {
  type ServerUnderTest,
  startServerUnderTest,
  watch,
} from "../support/server_under_test.ts";
import { pair, type Transport, transports } from "../support/transports.ts";
import { until } from "../support/wait.ts";
import { runSequence } from "./model.ts";

/** What a part did, for the report. */
export type Report = Record<string, number | string>;

/** A part, with the share of the full counts to do. */
export type Part = (runtime: Runtime, scale: number) => Promise<Report>;

const MIB = 1024 * 1024;
const BOUND = 64 * MIB;
/** Descriptors beside those of the connections. */
const SPARE = 200;

const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;

/** Runs this many at once until all have run. */
async function inTurns(
  count: number,
  width: number,
  act: (i: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(width, count) }, async () => {
      while (next < count) await act(next++);
    }),
  );
}

async function echoed(conn: Connection, word: string): Promise<void> {
  const answer = recvExactly(conn, word.length);
  await conn.send(word);
  assertEquals(text(await answer), word);
}

/** Nothing of the connections is left, and the process ends by itself. */
async function assertBaseline(
  server: ServerUnderTest,
  before: ReturnType<typeof watch>,
): Promise<void> {
  await until(() => before.descriptors() <= 0);
  const stats = await server.end();
  for (const { active } of stats) assertEquals(active, 0);
}

const idle: (limit: number) => Part = (limit) => async (runtime, scale) => {
  const wanted = Math.ceil(10_000 * scale);
  const count = Math.min(wanted, limit - SPARE);
  if (count < wanted) {
    console.log(`  ulimit -n is ${limit}: ${count} instead of ${wanted}`);
  }
  await using server = await startServerUnderTest(runtime, {
    role: "echo",
    places: [{ port: 0 }],
  });
  const { pid, addrs: [addr] } = server;
  const before = watch(pid);
  const open: Connection[] = [];
  await inTurns(count, 100, async () => {
    open.push(await connect(transports[0].connectOptions(addr)));
  });
  await until(() => before.descriptors() >= count);
  const held = before.grown();
  await inTurns(count, 100, (i) => echoed(open[i], `I am ${i}`));
  const peak = before.peak();
  const [{ active }] = await server.stats();
  assertEquals(active, count);
  for (const conn of open) await conn.close();
  await assertBaseline(server, before);
  const each = Math.round(held / count);
  return { held: count, echoed: count, bytesEach: each, peak: mib(peak) };
};

const CYCLES: Record<string, number> = {
  "TCP/IPv4": 100_000,
  "TCP/IPv6": 10_000,
  Unix: 20_000,
  TLS: 5000,
};

/** Several addresses, since each holds its ports for a while after the end. */
function places(transport: Transport): ListenOptions[] {
  const options = transport.listenOptions();
  if (transport.name !== "TCP/IPv4") return [options];
  return Array.from(
    { length: 8 },
    (_, i) => ({ port: 0, hostname: `127.0.0.${i + 1}` }),
  );
}

const cycles: (transport: Transport) => Part =
  (transport) => async (runtime, scale) => {
    const count = Math.ceil(CYCLES[transport.name] * scale);
    await using server = await startServerUnderTest(runtime, {
      role: "echo",
      places: places(transport),
    });
    const { pid, addrs } = server;
    const fresh = watch(pid);
    const cycle = async (i: number) => {
      const addr = addrs[i % addrs.length];
      const there = transport.connectOptions(addr);
      if (addr.transport === "tcp" && there.transport !== "unix") {
        there.hostname = addr.hostname;
      }
      await using conn = await connect(there);
      await echoed(conn, `${i}`);
      await conn.closeWrite();
      assertEquals(await conn.recv(), null);
    };
    // What a runtime allocates once is no leak.
    const first = Math.ceil(count / 5);
    await inTurns(first, 64, cycle);
    await until(() => fresh.descriptors() <= 0);
    const warm = watch(pid);
    await inTurns(count - first, 64, cycle);
    await server.still();
    const grown = warm.grown();
    assert(grown < BOUND, `${mib(grown)} more after ${count} cycles`);
    const stats = await server.stats();
    const accepted = stats.reduce((sum, s) => sum + s.accepted, 0);
    assertEquals(accepted, count);
    const { peak } = memory(pid);
    await assertBaseline(server, fresh);
    return {
      cycles: count,
      lost: count - accepted,
      grown: mib(grown),
      peak: mib(peak),
    };
  };

const gigabyte: (transport: Transport) => Part =
  (transport) => async (runtime, scale) => {
    const blocks = Math.ceil(1024 * scale);
    await using server = await startServerUnderTest(runtime, {
      role: "echo",
      places: [transport.listenOptions()],
    });
    const { pid, addrs: [addr] } = server;
    const before = watch(pid);
    await using conn = await transport.connect(addr);
    const [sent, received] = [createHash("sha256"), createHash("sha256")];
    const sending = (async () => {
      const block = pattern(MIB);
      for (let i = 0; i < blocks; i++) {
        new DataView(block.buffer).setUint32(0, i);
        sent.update(block);
        await conn.send(block);
      }
      await conn.closeWrite();
    })();
    for (let data; (data = await conn.recv()) !== null;) received.update(data);
    await sending;
    assertEquals(conn.bytesReceived, blocks * MIB);
    assertEquals(received.digest("hex"), sent.digest("hex"));
    const peak = before.peak();
    assert(peak < BOUND, `${mib(peak)} more`);
    await conn.close();
    await assertBaseline(server, before);
    return { bytes: mib(blocks * MIB), lost: 0, grown: mib(peak) };
  };

/** Peers that never read 1 GB, and peers that send 1 GB unheard. */
const deaf: (transport: Transport, role: "pour" | "deaf") => Part =
  (transport, role) => async (runtime, scale) => {
    const count = 8;
    const blocks = Math.ceil(1024 * scale / count);
    await using server = await startServerUnderTest(runtime, {
      role,
      places: [transport.listenOptions()],
    });
    const { pid, addrs: [addr] } = server;
    const before = watch(pid);
    const block = pattern(MIB);
    const peers: Connection[] = [];
    for (let i = 0; i < count; i++) {
      peers.push(await transport.connect(addr));
    }
    const floods = role === "pour" ? [] : peers.map(async (conn) => {
      for (let i = 0; i < blocks; i++) await conn.send(block);
    });
    const over = Promise.all(floods.map((f) => f.catch(({ code }) => code)));
    await server.still(() => peers.reduce((sum, p) => sum + p.bytesSent, 0));
    const grown = before.peak();
    assert(grown < BOUND, `${mib(grown)} more`);
    for (const conn of peers) await conn.close();
    await over;
    // A handler that waits for the shutdown learns of the reset by it alone.
    if (role === "deaf") await server.end();
    else await assertBaseline(server, before);
    return {
      peers: count,
      offered: mib(count * blocks * MIB),
      grown: mib(grown),
    };
  };

/** Ends their side, and reads the answer only when all have ended. */
const halfOpen: (transport: Transport) => Part =
  (transport) => async (runtime, scale) => {
    const count = Math.ceil(1000 * scale);
    await using server = await startServerUnderTest(runtime, {
      role: "talk",
      places: [transport.listenOptions()],
    });
    const { pid, addrs: [addr] } = server;
    const before = watch(pid);
    const data = pattern(10_000);
    const open: Connection[] = [];
    await inTurns(count, 50, async () => {
      const conn = await transport.connect(addr);
      open.push(conn);
      await conn.send(data);
      await conn.closeWrite();
    });
    await inTurns(count, 50, async (i) => {
      assertEquals(
        (await recvExactly(open[i], data.length)).length,
        data.length,
      );
      assertEquals(await open[i].recv(), null);
      await open[i].close();
    });
    const peak = before.peak();
    await assertBaseline(server, before);
    return { halfOpen: count, lost: 0, peak: mib(peak) };
  };

const resets: (transport: Transport) => Part =
  (transport) => async (runtime, scale) => {
    const count = Math.ceil(2000 * scale);
    await using server = await startServerUnderTest(runtime, {
      role: "echo",
      places: [transport.listenOptions()],
    });
    const { pid, addrs: [addr] } = server;
    const before = watch(pid);
    await using peer = startCutter(transport.name, addr, CUTS, count);
    assertEquals(await peer.line(), "cut");
    const cut = performance.now();
    await using honest = await reachSoon(transport, addr);
    await echoed(honest, "alive");
    const waited = Math.round(performance.now() - cut);
    assert(waited < 2000, `Served ${waited} ms after the resets`);
    await honest.close();
    await assertBaseline(server, before);
    return { resets: count, servedAfterMs: waited };
  };

/** At once, after a word, and with 64 KiB under way, in turn. */
const CUTS = `
for i in range(int(args[2])):
    s = reach()
    if i % 3:
        s = secured(s, False)
        s.sendall(b"x" * (65536 if i % 3 == 2 else 1))
    cut(s)
print("cut", flush=True)
`;

function reachSoon(transport: Transport, addr: Address): Promise<Connection> {
  const signal = AbortSignal.timeout(5000);
  return connect({ ...transport.connectOptions(addr), signal });
}

const sequences: (transport: Transport) => Part =
  (transport) => async (_, scale) => {
    const count = Math.ceil(2500 * scale);
    const first = Date.now() % 1_000_000_000;
    for (let seed = first; seed < first + count; seed++) {
      await using ends = await pair(transport);
      await runSequence(ends, seed);
    }
    return { sequences: count, firstSeed: first };
  };

/** All parts by name, where a process may have this many descriptors. */
export function partsOf(limit: number): Map<string, Part> {
  const parts = new Map<string, Part>([["idle", idle(limit)]]);
  for (const transport of transports) {
    const { name } = transport;
    parts.set(`cycles ${name}`, cycles(transport));
    parts.set(`1 GiB ${name}`, gigabyte(transport));
    parts.set(`never read ${name}`, deaf(transport, "pour"));
    parts.set(`never heard ${name}`, deaf(transport, "deaf"));
    parts.set(`half-open ${name}`, halfOpen(transport));
    parts.set(`resets ${name}`, resets(transport));
    parts.set(`sequences ${name}`, sequences(transport));
  }
  return parts;
}
