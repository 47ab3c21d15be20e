// The check of an echoed stream with faults at random places: each is found,
// and none spreads to the messages around it.
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { createPayload } from "../../src/cli/ping/payload.ts";
import { type PingEvent, PingStats } from "../../src/cli/ping/stats.ts";
import { StreamChecker } from "../../src/cli/ping/stream_checker.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { concat } from "../support/bytes.ts";

const SEED = 1234;
const MESSAGES = 5;

/** Returns a generator of the same numbers in each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** Checks an echo that arrives in pieces after all messages were sent. */
function checkEcho(
  echo: Uint8Array,
  size: number,
  random: (below: number) => number,
  onEvent: (event: PingEvent) => void = () => {},
): PingStats {
  const stats = new PingStats(60_000, onEvent);
  const checker = new StreamChecker({ seed: SEED, size }, stats, "peer");
  for (let i = 0; i < MESSAGES; i++) checker.expect(stats.sent());
  for (let at = 0; at < echo.length;) {
    const end = at + 1 + random(2 * size);
    checker.receive(echo.subarray(at, end));
    at = end;
  }
  checker.end();
  stats.markAllLost("end");
  const { sent, received, corrupt, lost } = stats.counts;
  assertEquals(received + corrupt + lost, sent);
  return stats;
}

/** Returns all bytes sent, and an echo with a part of them replaced. */
function createEcho(size: number, from = 0, to = from, by: number[] = []) {
  const all = concat(
    Array.from(
      { length: MESSAGES },
      (_, i) => createPayload(SEED, i + 1, size),
    ),
  );
  const echo = [all.subarray(0, from), Uint8Array.from(by), all.subarray(to)];
  return { all, echo: concat(echo) };
}

/** Runs a test with many seeds; its error names the seed. */
function withSeeds(test: (random: (below: number) => number) => void): void {
  for (let seed = 0; seed < 2000; seed++) {
    try {
      test(randomNumbers(seed));
    } catch (error) {
      throw new Error(`With seed ${seed}: ${error}`, { cause: error });
    }
  }
}

const noise = (length: number, random: (below: number) => number) =>
  Array.from({ length }, () => random(256));

describe("a stream that ping checks", () => {
  it("is intact without a fault, in pieces of any size", () => {
    withSeeds((random) => {
      const size = 1 + random(100);
      const stats = checkEcho(createEcho(size).echo, size, random);
      assert(stats.intact, "It has a fault");
      assertEquals(stats.counts.received, MESSAGES);
    });
  });

  it("is not intact with a fault anywhere", () => {
    withSeeds((random) => {
      const size = 1 + random(100);
      const from = random(MESSAGES * size);
      const to = Math.min(MESSAGES * size, from + random(size + 1));
      const { all, echo } = createEcho(
        size,
        from,
        to,
        noise(random(size), random),
      );
      if (Buffer.compare(all, echo) === 0) return;
      const stats = checkEcho(echo, size, random);
      assert(!stats.intact, "The fault was not found");
      const { extraBytes, missingBytes } = stats.counts;
      assertEquals(extraBytes - missingBytes, echo.length - all.length);
    });
  });

  it("has one message corrupt with one changed byte", () => {
    withSeeds((random) => {
      const size = 1 + random(100);
      const at = random(MESSAGES * size);
      const { all } = createEcho(size);
      const { echo } = createEcho(size, at, at + 1, [
        all[at] ^ (1 + random(255)),
      ]);
      const events: PingEvent[] = [];
      const { counts } = checkEcho(echo, size, random, (event) => {
        if (event.kind === "corrupt") events.push(event);
      });
      const { received, corrupt, extraBytes, missingBytes } = counts;
      assertEquals([received, corrupt], [MESSAGES - 1, 1]);
      assertEquals([extraBytes, missingBytes], [0, 0]);
      const difference = {
        kind: "changed" as const,
        byte: at % size,
        was: echo[at],
        expected: all[at],
      };
      const seq = 1 + Math.floor(at / size);
      assertEquals(events, [
        { kind: "corrupt", seq, bytes: size, difference, from: "peer" },
      ]);
    });
  });

  it("has one message corrupt that lacks bytes", () => {
    withSeeds((random) => {
      const size = 40 + random(60);
      const from = size * random(MESSAGES) + 1 + random(size - 1);
      const most = size - from % size;
      const to = from + 1 + random(most);
      const { received, corrupt, missingBytes, extraBytes } =
        checkEcho(createEcho(size, from, to).echo, size, random).counts;
      assertEquals([received, corrupt], [MESSAGES - 1, 1]);
      assertEquals([extraBytes, missingBytes], [0, to - from]);
    });
  });

  it("has one message corrupt with extra bytes inside", () => {
    withSeeds((random) => {
      const size = 40 + random(60);
      // Nearer to the start they may as well be in front of the message.
      const at = size * random(MESSAGES) + 9 + random(size - 20);
      const more = noise(1 + random(10), random);
      const { received, corrupt, missingBytes, extraBytes } =
        checkEcho(createEcho(size, at, at, more).echo, size, random).counts;
      assertEquals([received, corrupt], [MESSAGES - 1, 1]);
      assertEquals([extraBytes, missingBytes], [more.length, 0]);
    });
  });

  it("has all messages intact with extra bytes between two", () => {
    withSeeds((random) => {
      const size = 40 + random(60);
      const at = size * random(MESSAGES + 1);
      const more = noise(1 + random(30), random);
      const { received, unexpected, extraBytes } =
        checkEcho(createEcho(size, at, at, more).echo, size, random).counts;
      assertEquals([received, unexpected], [MESSAGES, 1]);
      assertEquals(extraBytes, more.length);
    });
  });

  it("has the others intact around a lost or repeated message", () => {
    withSeeds((random) => {
      const size = 16 + random(60);
      const at = size * random(MESSAGES);
      const { all, echo } = createEcho(size, at, at + size);
      const without = checkEcho(echo, size, random).counts;
      assertEquals([without.received, without.lost], [MESSAGES - 1, 1]);
      const again = [...all.subarray(at, at + size)];
      const twice =
        checkEcho(createEcho(size, at, at, again).echo, size, random).counts;
      assertEquals([twice.received, twice.duplicates], [MESSAGES, 1]);
    });
  });
});
