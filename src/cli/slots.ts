import type { Book, Message } from "./book.ts";
import {
  areEqual,
  commonLength,
  compare,
  type Difference,
  explain,
} from "./difference.ts";
import { payload, sequenceOf } from "./payload.ts";
import type { Plan } from "./plan.ts";

/** So many bytes tell a message from chance. */
const TELLING = 8;

/** A message whose bytes are to come, and whether it was called corrupt. */
interface Owed {
  message: Message;
  corrupt: boolean;
}

/**
 * Checks the bytes of a stream: message after message, in the order they were
 * sent. Where bytes are missing or too many it finds the place, and is in step
 * again; bytes that come while nothing is owed cannot be an echo.
 */
export class Slots {
  readonly #book: Book;
  readonly #seed: number;
  readonly #size: number;
  readonly #from: string;
  /** The oldest first. */
  readonly #owed: Owed[] = [];
  /** What came for the first of them; while there is none, what is extra. */
  readonly #buffer: Uint8Array;
  #filled = 0;
  /** What came beyond what was owed, and was not told yet. */
  #extra = 0;

  constructor({ seed, size }: Plan, book: Book, from: string) {
    this.#book = book;
    this.#seed = seed;
    this.#size = size;
    this.#from = from;
    this.#buffer = new Uint8Array(size);
  }

  /** This message goes out: its bytes are owed. */
  owe(message: Message): void {
    this.tellExtra();
    this.#owed.push({ message, corrupt: false });
  }

  /** These bytes came. */
  take(data: Uint8Array): void {
    for (let rest = data; rest.length > 0;) {
      const part = rest.subarray(0, this.#size - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      while (this.#filled === this.#size) this.#check(this.#owed[0]);
      if (this.#owed.length > 0) this.#owed[0].message.got = this.#filled;
    }
  }

  /** Nothing more comes: what is owed is missing. */
  end(): void {
    const [first] = this.#owed;
    if (first !== undefined && this.#filled > 0) {
      const got = this.#buffer.subarray(0, this.#filled);
      const difference = compare(got, this.#payload(first.message));
      if (difference !== undefined) this.#corrupt(first, difference);
    }
    this.tellExtra();
    const owed = this.#owed.length * this.#size;
    this.#book.counts.missingBytes += owed - this.#filled;
  }

  /** Tells of what came beyond what is owed. */
  tellExtra(): void {
    if (this.#owed.length === 0) {
      this.#extra += this.#filled;
      this.#filled = 0;
    }
    if (this.#extra > 0) this.#unexpected(this.#extra);
    this.#extra = 0;
  }

  /** So many bytes came as a message has: are they those of the first? */
  #check(first?: Owed): void {
    if (first === undefined) {
      if (!this.#repeats()) this.#extra += this.#size;
      this.#filled = 0;
      return;
    }
    const got = this.#buffer;
    const want = this.#payload(first.message);
    const byte = commonLength(got, want);
    if (byte === this.#size) {
      if (!first.corrupt) {
        this.#book.intactReply(first.message, this.#size, this.#from);
      }
      this.#done(this.#size);
    } else if (!this.#skips(byte) && !this.#repeats()) {
      this.#mend(first, explain(got, want, byte));
    }
  }

  /** Whether a later message begins here: those before it end too early. */
  #skips(byte: number): boolean {
    const rest = this.#buffer.subarray(byte);
    const seq = rest.length < TELLING
      ? this.#owed[1]?.message.seq
      : sequenceOf(rest, TELLING)?.value;
    const next = this.#owed.findIndex(({ message }) => message.seq === seq);
    if (next < 1) return false;
    const { message } = this.#owed[next];
    if (!areEqual(rest, this.#payload(message, rest.length))) return false;

    const skipped = this.#owed.splice(0, next);
    const bytes = this.#size - byte;
    if (byte > 0) this.#corrupt(skipped[0], { kind: "missing", byte, bytes });
    for (const { message } of skipped) {
      this.#book.lose(message, "its bytes are missing");
    }
    this.#book.counts.missingBytes += next * this.#size - byte;
    this.#cut(0, byte);
    return true;
  }

  /** Whether it is an earlier message once more. */
  #repeats(): boolean {
    if (this.#size < TELLING) return false;
    const earlier = this.#book.find(
      sequenceOf(this.#buffer, this.#size)?.value ?? 0,
    );
    if (
      earlier === undefined ||
      !areEqual(this.#buffer, this.#payload(earlier))
    ) return false;
    this.#book.intactReply(earlier, this.#size, this.#from);
    this.#book.counts.extraBytes += this.#size;
    this.#filled = 0;
    return true;
  }

  /** Gets in step again, where all that came after the fault fits. */
  #mend(first: Owed, difference: Difference): void {
    const { byte, kind } = difference;
    const bytes = kind === "changed" ? 0 : difference.bytes;
    const got = this.#buffer;
    const want = this.#payload(first.message);
    const rest = this.#size - bytes;
    if (
      kind === "extra" &&
      areEqual(got.subarray(byte + bytes), want.subarray(byte, rest))
    ) {
      this.#cut(byte, bytes);
      // Between two messages: neither of them has suffered.
      if (byte === 0) this.#unexpected(bytes);
      else {
        this.#corrupt(first, difference);
        this.#book.counts.extraBytes += bytes;
      }
      return;
    }
    this.#corrupt(first, difference);
    const fits = kind === "missing" &&
      areEqual(got.subarray(byte, rest), want.subarray(byte + bytes));
    if (fits) this.#book.counts.missingBytes += bytes;
    this.#done(fits ? rest : this.#size);
  }

  /** The first message had these bytes; what is left is not its own. */
  #done(bytes: number): void {
    this.#owed.shift();
    this.#cut(0, bytes);
  }

  #cut(byte: number, bytes: number): void {
    this.#buffer.copyWithin(byte, byte + bytes, this.#filled);
    this.#filled -= bytes;
  }

  #corrupt(owed: Owed, difference: Difference): void {
    if (owed.corrupt) return;
    owed.corrupt = true;
    const { kind } = difference;
    const bytes = kind === "missing"
      ? this.#size - difference.bytes
      : kind === "extra"
      ? this.#size + difference.bytes
      : this.#filled;
    this.#book.corruptReply(owed.message, bytes, difference, this.#from);
  }

  #unexpected(bytes: number): void {
    this.#book.unexpected(bytes, "more than was sent", this.#from);
  }

  #payload({ seq }: Message, length: number = this.#size): Uint8Array {
    return payload(this.#seed, seq, length);
  }
}
