// How `ping` checks a stream, with any fault anywhere: none may pass for
// intact, and one must not spread to the messages around it.
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { Book, type Event } from "../../src/cli/book.ts";
import { payload } from "../../src/cli/payload.ts";
import { Slots } from "../../src/cli/slots.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { concat } from "../support/bytes.ts";

const SEED = 1234;
const MESSAGES = 5;

/** The same numbers in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** Feeds what came in pieces; all messages were sent before. */
function judge(
  came: Uint8Array,
  size: number,
  random: (below: number) => number,
  tell: (event: Event) => void = () => {},
): Book {
  const book = new Book(60_000, tell);
  const slots = new Slots({ seed: SEED, size }, book, "peer");
  for (let i = 0; i < MESSAGES; i++) slots.owe(book.begin());
  for (let at = 0; at < came.length;) {
    const end = at + 1 + random(2 * size);
    slots.take(came.subarray(at, end));
    at = end;
  }
  slots.end();
  book.loseAll("end");
  const { sent, received, corrupt, lost } = book.counts;
  assertEquals(received + corrupt + lost, sent);
  return book;
}

/** All that is sent; each part of it may be replaced. */
function sent(size: number, from = 0, to = from, by: number[] = []) {
  const all = concat(
    Array.from({ length: MESSAGES }, (_, i) => payload(SEED, i + 1, size)),
  );
  const came = [all.subarray(0, from), Uint8Array.from(by), all.subarray(to)];
  return { all, came: concat(came) };
}

/** Runs a test with many numbers, and names those it fails with. */
function often(test: (random: (below: number) => number) => void): void {
  for (let seed = 0; seed < 2000; seed++) {
    try {
      test(numbers(seed));
    } catch (error) {
      throw new Error(`With seed ${seed}: ${error}`, { cause: error });
    }
  }
}

const noise = (length: number, random: (below: number) => number) =>
  Array.from({ length }, () => random(256));

describe("a stream that ping checks", () => {
  it("is intact when it is, in whatever pieces", () => {
    often((random) => {
      const size = 1 + random(100);
      const book = judge(sent(size).came, size, random);
      assert(book.intact, "It is not");
      assertEquals(book.counts.received, MESSAGES);
    });
  });

  it("is not intact with a fault anywhere", () => {
    often((random) => {
      const size = 1 + random(100);
      const from = random(MESSAGES * size);
      const to = Math.min(MESSAGES * size, from + random(size + 1));
      const { all, came } = sent(size, from, to, noise(random(size), random));
      if (Buffer.compare(all, came) === 0) return;
      const book = judge(came, size, random);
      assert(!book.intact, "It is");
      const { extraBytes, missingBytes } = book.counts;
      assertEquals(extraBytes - missingBytes, came.length - all.length);
    });
  });

  it("has one message corrupt where one byte is", () => {
    often((random) => {
      const size = 1 + random(100);
      const at = random(MESSAGES * size);
      const { all } = sent(size);
      const { came } = sent(size, at, at + 1, [all[at] ^ (1 + random(255))]);
      const told: Event[] = [];
      const { counts } = judge(came, size, random, (event) => {
        if (event.kind === "corrupt") told.push(event);
      });
      const { received, corrupt, extraBytes, missingBytes } = counts;
      assertEquals([received, corrupt], [MESSAGES - 1, 1]);
      assertEquals([extraBytes, missingBytes], [0, 0]);
      const difference = {
        kind: "changed" as const,
        byte: at % size,
        was: came[at],
        expected: all[at],
      };
      const seq = 1 + Math.floor(at / size);
      assertEquals(told, [
        { kind: "corrupt", seq, bytes: size, difference, from: "peer" },
      ]);
    });
  });

  it("has one message corrupt where bytes of one are missing", () => {
    often((random) => {
      const size = 40 + random(60);
      const from = size * random(MESSAGES) + 1 + random(size - 1);
      const most = size - from % size;
      const to = from + 1 + random(most);
      const { received, corrupt, missingBytes, extraBytes } =
        judge(sent(size, from, to).came, size, random).counts;
      assertEquals([received, corrupt], [MESSAGES - 1, 1]);
      assertEquals([extraBytes, missingBytes], [0, to - from]);
    });
  });

  it("has one message corrupt where bytes are too many in one", () => {
    often((random) => {
      const size = 40 + random(60);
      // Nearer to the begin they may as well be before it.
      const at = size * random(MESSAGES) + 9 + random(size - 20);
      const more = noise(1 + random(10), random);
      const { received, corrupt, missingBytes, extraBytes } =
        judge(sent(size, at, at, more).came, size, random).counts;
      assertEquals([received, corrupt], [MESSAGES - 1, 1]);
      assertEquals([extraBytes, missingBytes], [more.length, 0]);
    });
  });

  it("has all its messages where bytes are between two", () => {
    often((random) => {
      const size = 40 + random(60);
      const at = size * random(MESSAGES + 1);
      const more = noise(1 + random(30), random);
      const { received, unexpected, extraBytes } =
        judge(sent(size, at, at, more).came, size, random).counts;
      assertEquals([received, unexpected], [MESSAGES, 1]);
      assertEquals(extraBytes, more.length);
    });
  });

  it("has the others where one is missing or there twice", () => {
    often((random) => {
      const size = 16 + random(60);
      const at = size * random(MESSAGES);
      const { all, came } = sent(size, at, at + size);
      const without = judge(came, size, random).counts;
      assertEquals([without.received, without.lost], [MESSAGES - 1, 1]);
      const again = [...all.subarray(at, at + size)];
      const twice = judge(sent(size, at, at, again).came, size, random).counts;
      assertEquals([twice.received, twice.duplicates], [MESSAGES, 1]);
    });
  });
});
