// PROXY headers at random, valid, mutated and noise: the parser agrees with the
// specification, and a listener outlives them.
import process from "node:process";
import { it } from "node:test";
import { type Address, connect, formatAddress, serve } from "../../mod.ts";
import { parseProxyHeader } from "../../src/net/proxy_protocol/header.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { concat, recvAll, text } from "../support/bytes.ts";
import { descriptors, hasProc } from "../support/proc.ts";
import { until } from "../support/wait.ts";
import {
  bytesOf,
  dice,
  line,
  mutated,
  PROXY,
  randomHeader,
  SIGNATURE,
} from "./headers.ts";
import { read } from "./reader.ts";

/** Another one for each run; PARLEY_SEED repeats a sequence that failed. */
const SEED = Number(process.env.PARLEY_SEED ?? Date.now() % 1_000_000_000);

it(
  "random headers are read as the specification has it",
  { timeout: 60_000 },
  () => {
    const roll = dice(SEED);
    for (let i = 0; i < 3000; i++) {
      const bytes = randomHeader(roll);
      const note = `seed ${SEED}, number ${i}: ${bytes}`;
      const expected = read(bytes);
      assert(typeof expected !== "string", `${note} is ${expected}`);
      assertEquals(expected.length, bytes.length, note);
      assertEquals(parseProxyHeader(bytes), expected, note);
      const end = roll(bytes.length);
      const part = parseProxyHeader(bytes.subarray(0, end));
      assertEquals(part, "incomplete", `${note}, ${end} bytes`);
    }
  },
);

it(
  "mutated headers and random bytes are read so, too",
  { timeout: 60_000 },
  () => {
    const roll = dice(SEED);
    const seen = { incomplete: 0, malformed: 0, whole: 0 };
    for (let i = 0; i < 60_000; i++) {
      let bytes = mutated(randomHeader(roll), roll);
      if (i % 20 === 0) {
        const start = [[], SIGNATURE, [...SIGNATURE, PROXY], bytesOf("PROXY ")];
        const noise = Array.from({ length: roll(300) }, () => roll(256));
        bytes = Uint8Array.of(...start[roll(4)], ...noise);
      }
      const expected = read(bytes);
      seen[typeof expected === "string" ? expected : "whole"]++;
      const note = `seed ${SEED}, number ${i}: ${bytes}`;
      assertEquals(parseProxyHeader(bytes), expected, note);
    }
    // Otherwise little would be tried.
    for (const count of Object.values(seen)) assert(count > 3000, `${count}`);
  },
);

/** What a server receives of these bytes from a client there. */
function received(bytes: Uint8Array, client: Address): string[] {
  const header = read(bytes);
  if (typeof header === "string") return [];
  const { source } = header.endpoints ?? { source: client };
  return [`${formatAddress(source)} ${bytes.subarray(header.length)}`];
}

it("a listener outlives them, and accepts the valid", {
  timeout: 60_000,
}, async () => {
  const roll = dice(SEED);
  const errors: unknown[] = [];
  const place = {
    port: 0,
    proxyProtocol: { trustedProxies: ["127.0.0.1"] },
    onError: (error: unknown) => void errors.push(error),
  };
  const expected: string[] = [];
  const got: string[] = [];
  const before = hasProc ? descriptors("self") : 0;
  {
    await using server = await serve(place, async (conn) => {
      const bytes = await recvAll(conn);
      got.push(`${formatAddress(conn.remoteAddr)} ${bytes}`);
      assertEquals(conn.bytesReceived, bytes.length);
    });
    const { port } = server.addr;
    const say = async (bytes: Uint8Array) => {
      await using conn = await connect({ port });
      expected.push(...received(bytes, conn.localAddr));
      try {
        const cut = roll(bytes.length);
        await conn.send(bytes.subarray(0, cut));
        await conn.send(bytes.subarray(cut));
        await conn.closeWrite();
        assertEquals(text(await recvAll(conn)), "");
      } catch (error) {
        // One that is turned away may be cut before it has said it all.
        const { code } = error as { code?: string };
        assert(code === "EPIPE" || code === "ECONNRESET", `${error}`);
      }
    };
    for (let i = 0; i < 20; i++) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => {
        const header = randomHeader(roll);
        const first = i % 3 === 0 ? header : mutated(header, roll);
        return say(concat([first, bytesOf("payload".slice(0, roll(8)))]));
      }));
    }
    await say(concat([line("TCP4", "192.0.2.1", "192.0.2.2", 1, 2)]));
    await until(() => got.length >= expected.length);
    assertEquals(got.sort(), expected.sort(), `seed ${SEED}`);
    assertEquals(errors, []);
    assert(
      got.length > 100 && got.length < 300,
      `${got.length} of 401 received`,
    );
  }
  if (!hasProc) return console.log("No /proc, so descriptors are not counted");
  // What the runtime opens for the first socket of a process stays.
  await until(() => descriptors("self") <= before + 2);
});
