import type { PingOptions } from "./options.ts";
import {
  areEqual,
  classify,
  commonLength,
  compare,
  createPayload,
  type Difference,
  indexOf,
  MATCH,
  readSequence,
} from "./payload.ts";
import type { Message, PingStats } from "./stats.ts";

/** Bytes that identify a message: its sequence number, and as much noise. */
const HEADER_SIZE = 16;
/** Bytes of the next message that are buffered to find its header. */
const LOOKAHEAD = 64;
/** A message that was sent, and whether it was reported as corrupt. */
interface Expected {
  message: Message;
  corrupt: boolean;
}

/**
 * Checks the bytes of an echoed stream: message after message, in the order
 * that they were sent. After missing or extra bytes it resynchronises on the
 * header of the next message. Messages below 16 bytes have no header, so their
 * position alone identifies them.
 */
export class StreamChecker {
  readonly #stats: PingStats;
  readonly #seed: number;
  readonly #size: number;
  readonly #from: string;
  /** The oldest first. */
  readonly #expected: Expected[] = [];
  readonly #buffer: Uint8Array;
  #filled = 0;
  /** Bytes received while no message was expected, not reported yet. */
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

  /** Expects the bytes of a message that is about to be sent. */
  expect(message: Message): void {
    this.reportExtra();
    this.#expected.push({ message, corrupt: false });
  }

  receive(data: Uint8Array): void {
    for (let rest = data; rest.length > 0;) {
      const part = rest.subarray(0, this.#buffer.length - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      this.#checkAll(false);
      if (this.#expected.length === 0) continue;
      const { message } = this.#expected[0];
      message.bytesReceived = Math.min(this.#filled, this.#size);
    }
  }

  /** Checks the rest, after the last byte. */
  end(): void {
    this.#checkAll(true);
    this.reportExtra();
    this.#stats.counts.missingBytes += this.#expected.length * this.#size;
  }

  /** Reports the bytes received since all messages came back. */
  reportExtra(): void {
    if (this.#expected.length === 0) {
      this.#extra += this.#filled;
      this.#filled = 0;
    }
    if (this.#extra > 0) this.#unexpected(this.#extra);
    this.#extra = 0;
  }

  #checkAll(isEnd: boolean): void {
    while (this.#filled >= this.#size || (isEnd && this.#filled > 0)) {
      const [first] = this.#expected;
      if (first !== undefined) {
        if (!this.#check(first, isEnd)) return;
      } else if (this.#filled < this.#size) return;
      else if (!this.#removeDuplicate()) {
        this.#extra += this.#size;
        this.#remove(0, this.#size);
      }
    }
  }

  /** Checks the first message; returns `false` if that needs more bytes. */
  #check(first: Expected, isEnd: boolean): boolean {
    const payload = this.#payload(first.message);
    const received = this.#buffer.subarray(0, this.#filled);
    const byte = commonLength(received, payload);
    let length = Math.min(this.#filled, this.#size);
    if (byte < length && this.#size >= HEADER_SIZE) {
      if (this.#removeDuplicate()) return true;
      const header = this.#findHeader(first.message.seq);
      if (header?.index === 0) {
        this.#unexpected(header.position);
        this.#remove(0, header.position);
        return true;
      }
      if (header !== undefined) length = header.position;
      else if (this.#removeExtra(first, payload, byte)) return true;
      else if (this.#isInNext(byte)) length = byte;
      else if (!isEnd && this.#mayFindHeader(payload)) return false;
    }
    this.#finish(first, payload, length);
    return true;
  }

  /** Removes the first bytes if they repeat an earlier message. */
  #removeDuplicate(): boolean {
    if (this.#size < HEADER_SIZE || this.#filled < this.#size) return false;
    const data = this.#buffer.subarray(0, this.#size);
    const seq = readSequence(data, this.#size)?.value ?? 0;
    const firstSeq = this.#expected[0]?.message.seq ?? Infinity;
    const message = this.#stats.find(seq);
    if (message === undefined || seq >= firstSeq) return false;
    if (!areEqual(data, this.#payload(message))) return false;
    this.#stats.intactReply(message, this.#size, this.#from);
    this.#stats.counts.extraBytes += this.#size;
    this.#remove(0, this.#size);
    return true;
  }

  /**
   * Finds the nearest header of an expected message; that of the first one does
   * not count in its place.
   */
  #findHeader(
    firstSeq: number,
  ): { position: number; index: number } | undefined {
    const view = new DataView(this.#buffer.buffer, 0, this.#filled);
    for (let position = 0; position + MATCH <= this.#filled; position++) {
      const seq = view.getUint32(position, true) +
        view.getUint32(position + 4, true) * 2 ** 32;
      const index = seq - firstSeq;
      if (index < 0 || index >= this.#expected.length) continue;
      if (index === 0 && position === 0) continue;
      // The bytes before it may be those of several messages.
      if (index > 1 && position >= this.#size) continue;
      const data = this.#buffer.subarray(
        position,
        Math.min(position + HEADER_SIZE, this.#filled),
      );
      if (areEqual(data, createPayload(this.#seed, seq, data.length))) {
        return { position, index };
      }
    }
    return undefined;
  }

  /** Removes extra bytes in a message if all bytes behind them fit. */
  #removeExtra(first: Expected, payload: Uint8Array, byte: number): boolean {
    const received = this.#buffer.subarray(0, this.#filled);
    const difference = classify(received, payload, byte);
    if (difference.kind !== "extra") return false;
    const { bytes } = difference;
    const rest = received.subarray(byte + bytes);
    const expected = payload.subarray(byte);
    const length = Math.min(rest.length, expected.length);
    if (commonLength(rest, expected) < length) return false;
    this.#corrupt(first, this.#size + bytes, difference);
    this.#stats.counts.extraBytes += bytes;
    this.#remove(byte, bytes);
    return true;
  }

  /** Whether the bytes at a difference are those of the next message. */
  #isInNext(byte: number): boolean {
    const [, next] = this.#expected;
    if (next === undefined || byte + MATCH > this.#filled) return false;
    const bytes = this.#buffer.subarray(byte, byte + MATCH);
    return indexOf(this.#payload(next.message), bytes) !== -1;
  }

  /** Whether a header may follow, and the message does not end in its place. */
  #mayFindHeader(payload: Uint8Array): boolean {
    const last = this.#size - MATCH;
    return this.#expected.length > 1 && this.#filled < this.#buffer.length &&
      !areEqual(
        this.#buffer.subarray(last, this.#size),
        payload.subarray(last),
      );
  }

  /** Compares the first message with its bytes, and removes both. */
  #finish(first: Expected, payload: Uint8Array, length: number): void {
    const { message, corrupt } = first;
    const difference = compare(this.#buffer.subarray(0, length), payload);
    if (length === 0) this.#stats.markLost(message, "its bytes are missing");
    else if (difference !== undefined) this.#corrupt(first, length, difference);
    else if (!corrupt) this.#stats.intactReply(message, length, this.#from);
    this.#stats.counts.extraBytes += Math.max(0, length - this.#size);
    this.#stats.counts.missingBytes += Math.max(0, this.#size - length);
    this.#expected.shift();
    this.#remove(0, length);
  }

  #remove(from: number, bytes: number): void {
    this.#buffer.copyWithin(from, from + bytes, this.#filled);
    this.#filled -= bytes;
  }

  #corrupt(expected: Expected, bytes: number, difference: Difference): void {
    if (expected.corrupt) return;
    expected.corrupt = true;
    this.#stats.corruptReply(expected.message, bytes, difference, this.#from);
  }

  #unexpected(bytes: number): void {
    this.#stats.unexpected(bytes, "more than was sent", this.#from);
  }

  #payload({ seq }: Message): Uint8Array {
    return createPayload(this.#seed, seq, this.#size);
  }
}
