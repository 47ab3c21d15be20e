import type { ReceiveBuffer } from "./receive_buffer.ts";
import { toBytes } from "./validate_values.ts";

/** Where a message ends. */
export interface Frame {
  /**
   * Returns the length of the message at the start of the buffer: nothing if
   * its end has not come yet, -1 if it is too long. Called again it looks at
   * what has been added.
   */
  lengthIn(buffer: ReceiveBuffer): number | undefined;
}

/** A message of a known length. */
export function exactly(length: number): Frame {
  return { lengthIn: (buffer) => buffer.length >= length ? length : undefined };
}

/** A delimiter, and for each of its bytes where to go on if the next differs. */
interface Delimiter {
  readonly bytes: Uint8Array;
  readonly fallbacks: readonly number[];
}

/** The last delimiter that was text: mostly the next one is the same. */
let last: { text: string; delimiter: Delimiter } | undefined;

/**
 * A message up to and including a delimiter, with `maxBytes` at most. The search
 * is that of Knuth, Morris and Pratt, which looks at no byte twice.
 */
export class Delimited implements Frame {
  readonly #delimiter: Delimiter;
  readonly #maxBytes: number;
  #searched = 0;
  /** How much of the delimiter the last bytes were. */
  #matched = 0;

  constructor(delimiter: Uint8Array | string, maxBytes: number) {
    this.#delimiter = prepare(delimiter);
    this.#maxBytes = maxBytes;
  }

  lengthIn(buffer: ReceiveBuffer): number | undefined {
    const { bytes, fallbacks } = this.#delimiter;
    if (bytes.length === 1) return this.#lengthToByte(buffer, bytes[0]);
    const end = Math.min(buffer.length, this.#maxBytes);
    let matched = this.#matched;
    let at = this.#searched;
    while (at < end) {
      if (matched === 0) {
        at = buffer.indexOf(bytes[0], at);
        if (at === -1 || at >= end) break;
      }
      const byte = buffer.at(at);
      while (matched > 0 && byte !== bytes[matched]) {
        matched = fallbacks[matched - 1];
      }
      if (byte === bytes[matched]) matched++;
      at++;
      if (matched === bytes.length) return at;
    }
    this.#matched = matched;
    this.#searched = end;
    if (buffer.length >= this.#maxBytes) return -1;
  }

  #lengthToByte(buffer: ReceiveBuffer, byte: number): number | undefined {
    const at = buffer.indexOf(byte, this.#searched);
    if (at !== -1 && at < this.#maxBytes) return at + 1;
    const { length } = buffer;
    this.#searched = length;
    if (length >= this.#maxBytes) return -1;
  }
}

function prepare(delimiter: Uint8Array | string): Delimiter {
  if (last !== undefined && last.text === delimiter) return last.delimiter;
  if (typeof delimiter !== "string" && !(delimiter instanceof Uint8Array)) {
    throw new TypeError(
      `Invalid delimiter "${delimiter}": expected text or a Uint8Array`,
    );
  }
  // A copy, for the caller may change the array while the call waits.
  const bytes = toBytes(delimiter).slice();
  if (bytes.length === 0) {
    throw new RangeError("Invalid delimiter: expected at least one byte");
  }
  const prepared = { bytes, fallbacks: fallbacksOf(bytes) };
  if (typeof delimiter === "string") {
    last = { text: delimiter, delimiter: prepared };
  }
  return prepared;
}

/** For each byte, the longest start of the delimiter that ends there, too. */
function fallbacksOf(bytes: Uint8Array): number[] {
  const fallbacks = [0];
  for (let i = 1, matched = 0; i < bytes.length; i++) {
    while (matched > 0 && bytes[i] !== bytes[matched]) {
      matched = fallbacks[matched - 1];
    }
    if (bytes[i] === bytes[matched]) matched++;
    fallbacks.push(matched);
  }
  return fallbacks;
}
