import type { PingOptions } from "./options.ts";
import {
  areEqual,
  classify,
  commonLength,
  createPayload,
  type Difference,
  readSequence,
} from "./payload.ts";
import type { Message, PingStats } from "./stats.ts";

/** So many bytes tell a place in the stream from chance. */
const TELLING = 8;
/** Messages of so many bytes are not alike; shorter ones only have a place. */
const DISTINCT = 16;
/** So many bytes of the next message are looked at, where one is at odds. */
const LOOKAHEAD = 64;

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
export class StreamChecker {
  readonly #stats: PingStats;
  readonly #seed: number;
  readonly #size: number;
  readonly #from: string;
  /** The oldest first. */
  readonly #owed: Owed[] = [];
  /** What came for the first of them, and a bit more; or what is extra. */
  readonly #buffer: Uint8Array;
  #filled = 0;
  /** What came beyond what was owed, and was not told yet. */
  #extra = 0;

  constructor(
    { seed, size }: Pick<PingOptions, "seed" | "size">,
    stats: PingStats,
    from: string,
  ) {
    this.#stats = stats;
    this.#seed = seed;
    this.#size = size;
    this.#from = from;
    this.#buffer = new Uint8Array(size + Math.min(size, LOOKAHEAD));
  }

  /** This message goes out: its bytes are owed. */
  expect(message: Message): void {
    this.reportExtra();
    this.#owed.push({ message, corrupt: false });
  }

  /** These bytes came. */
  receive(data: Uint8Array): void {
    for (let rest = data; rest.length > 0;) {
      const part = rest.subarray(0, this.#buffer.length - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      this.#checkAll(false);
      if (this.#owed.length === 0) continue;
      this.#owed[0].message.bytesReceived = Math.min(this.#filled, this.#size);
    }
  }

  /** Nothing more comes: what is owed is missing. */
  end(): void {
    this.#checkAll(true);
    this.reportExtra();
    this.#stats.counts.missingBytes += this.#owed.length * this.#size;
  }

  /** Tells of what came beyond what is owed. */
  reportExtra(): void {
    if (this.#owed.length === 0) {
      this.#extra += this.#filled;
      this.#filled = 0;
    }
    if (this.#extra > 0) this.#unexpected(this.#extra);
    this.#extra = 0;
  }

  get #got(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  /** Checks the messages that came; in the end, also what came of one. */
  #checkAll(isEnd: boolean): void {
    while (this.#filled >= this.#size || (isEnd && this.#filled > 0)) {
      const [first] = this.#owed;
      if (first === undefined) {
        if (this.#filled < this.#size) return;
        if (!this.#repeats()) this.#beyond();
      } else if (!this.#check(first, isEnd)) return;
    }
  }

  /** Checks the first message; returns whether that could be done. */
  #check(first: Owed, isEnd: boolean): boolean {
    const want = this.#payload(first.message);
    const byte = commonLength(this.#got, want);
    if (byte === this.#size) {
      if (!first.corrupt) {
        this.#stats.intactReply(first.message, this.#size, this.#from);
      }
      this.#done(this.#size);
      return true;
    }
    if (byte === this.#filled) {
      this.#truncated(first, byte);
      return true;
    }
    const all = this.#withNext(want);
    const difference = classify(this.#got, all, byte);
    if (this.#size >= DISTINCT) {
      const known = this.#skips(byte) || this.#repeats() ||
        this.#mends(first, difference, all);
      if (known) return true;
      if (!isEnd && this.#needsMore(byte, all)) return false;
    }
    this.#corrupt(first, difference);
    this.#done(Math.min(this.#size, this.#filled));
    return true;
  }

  /** The bytes of the first message, and the first ones of the next. */
  #withNext(want: Uint8Array): Uint8Array {
    const [, next] = this.#owed;
    if (next === undefined) return want;
    const all = new Uint8Array(this.#buffer.length);
    all.set(want);
    all.set(this.#payload(next.message, all.length - want.length), want.length);
    return all;
  }

  /** Whether a later message begins here: those before it end too early. */
  #skips(byte: number): boolean {
    const rest = this.#got.subarray(byte);
    const seq = readSequence(rest, TELLING)?.value;
    const next = this.#owed.findIndex(({ message }) => message.seq === seq);
    if (next < 1) return false;
    const length = Math.min(rest.length, this.#size);
    const want = this.#payload(this.#owed[next].message, length);
    if (!areEqual(rest.subarray(0, length), want)) return false;
    this.#truncated(this.#owed[0], byte);
    for (let i = 1; i < next; i++) this.#truncated(this.#owed[0], 0);
    return true;
  }

  /** Whether it is an earlier message once more. */
  #repeats(): boolean {
    if (this.#size < DISTINCT || this.#filled < this.#size) return false;
    const data = this.#buffer.subarray(0, this.#size);
    const { value = 0 } = readSequence(data, this.#size) ?? {};
    const earlier = this.#stats.find(value);
    if (earlier === undefined || !areEqual(data, this.#payload(earlier))) {
      return false;
    }
    this.#stats.intactReply(earlier, this.#size, this.#from);
    this.#stats.counts.extraBytes += this.#size;
    this.#cut(0, this.#size);
    return true;
  }

  /** Gets in step again, where all that came after the fault fits. */
  #mends(first: Owed, difference: Difference, want: Uint8Array): boolean {
    if (difference.kind === "changed") return false;
    const { kind, byte, bytes } = difference;
    const got = this.#got;
    const [here, there] = kind === "extra"
      ? [got.subarray(byte + bytes), want.subarray(byte)]
      : [got.subarray(byte), want.subarray(byte + bytes)];
    const length = Math.min(here.length, there.length);
    if (commonLength(here, there) < length) return false;
    if (kind === "extra") this.#mendExtra(first, difference);
    else this.#mendMissing(first, difference, want);
    return true;
  }

  #mendExtra(first: Owed, difference: Difference & { bytes: number }): void {
    const { byte, bytes } = difference;
    const isBetween = canMove(this.#got, byte, bytes, 0);
    this.#cut(byte, bytes);
    // Neither message has suffered.
    if (isBetween) return this.#unexpected(bytes);
    this.#corrupt(first, difference);
    this.#stats.counts.extraBytes += bytes;
  }

  #mendMissing(
    first: Owed,
    difference: Difference & { bytes: number },
    want: Uint8Array,
  ): void {
    const { byte, bytes } = difference;
    const left = this.#size - bytes;
    if (byte <= left) {
      this.#corrupt(first, difference);
      this.#done(Math.min(this.#filled, left));
    } else if (left > 0 && canMove(want, byte, bytes, left)) {
      this.#truncated(first, left);
    } else this.#truncated(first, byte);
  }

  /** Whether only what comes next can tell what is at odds here. */
  #needsMore(byte: number, want: Uint8Array): boolean {
    if (want.length === this.#size || this.#filled >= want.length) return false;
    const last = this.#filled - TELLING;
    const isInStep = last > byte &&
      areEqual(
        this.#got.subarray(last),
        want.subarray(last, this.#filled),
      );
    return !isInStep;
  }

  /** Of this message only the first bytes came. */
  #truncated(owed: Owed, byte: number): void {
    const bytes = this.#size - byte;
    if (byte > 0) this.#corrupt(owed, { kind: "missing", byte, bytes });
    else this.#stats.markLost(owed.message, "its bytes are missing");
    this.#done(byte);
  }

  /** So much is there of the first message; what follows is not its own. */
  #done(bytes: number): void {
    this.#owed.shift();
    this.#stats.counts.missingBytes += this.#size - bytes;
    this.#cut(0, bytes);
  }

  /** As many bytes as a message has are beyond what is owed. */
  #beyond(): void {
    this.#extra += this.#size;
    this.#cut(0, this.#size);
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
      : Math.min(this.#filled, this.#size);
    this.#stats.corruptReply(owed.message, bytes, difference, this.#from);
  }

  #unexpected(bytes: number): void {
    this.#stats.unexpected(bytes, "more than was sent", this.#from);
  }

  #payload({ seq }: Message, length: number = this.#size): Uint8Array {
    return createPayload(this.#seed, seq, length);
  }
}

/** Whether bytes that are extra or missing may as well be so further left. */
function canMove(
  data: Uint8Array,
  byte: number,
  bytes: number,
  to: number,
): boolean {
  for (let i = byte - 1; i >= to; i--) {
    if (data[i] !== data[i + bytes]) return false;
  }
  return true;
}
