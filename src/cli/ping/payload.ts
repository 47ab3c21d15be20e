// The bytes of a message, and how received bytes differ from them.
import { Buffer } from "node:buffer";

/** Bytes of the sequence number at the start of a message, little-endian. */
const HEADER_SIZE = 8;
/** Matching bytes that rule out chance. */
export const MATCH = 8;

/**
 * Returns the bytes of a message: its sequence number, then noise that depends
 * on the seed and the number. A short message holds the low bytes of the number
 * only.
 */
export function createPayload(
  seed: number,
  seq: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(Math.max(size, HEADER_SIZE) / 4));
  let state = hash(seed + hash(seq)) || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  new DataView(words.buffer).setBigUint64(0, BigInt(seq), true);
  return new Uint8Array(words.buffer, 0, size);
}

/**
 * Reads the sequence number, as much of it as a message of this size holds;
 * `undefined` if the data is too short.
 */
export function readSequence(
  data: Uint8Array,
  size: number,
): { value: number; modulus: number } | undefined {
  const length = Math.min(size, HEADER_SIZE);
  if (data.length < length) return undefined;
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + data[i];
  return { value, modulus: 256 ** length };
}

/** Scatters close numbers: xorshift starts alike from states that are close. */
function hash(number: number): number {
  let hash = number | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The first difference between received and expected bytes; from byte 0. */
export type Difference =
  | { kind: "changed"; byte: number; was: number; expected: number }
  | { kind: "missing" | "extra"; byte: number; bytes: number };

/** Compares a complete reply with the expected bytes. */
export function compare(
  actual: Uint8Array,
  expected: Uint8Array,
): Difference | undefined {
  const byte = commonLength(actual, expected);
  if (byte === expected.length && byte === actual.length) return undefined;
  const extra = actual.length - expected.length;
  if (extra > 0 && endsWith(actual, expected.subarray(byte))) {
    return { kind: "extra", byte, bytes: extra };
  }
  if (extra < 0 && endsWith(expected, actual.subarray(byte))) {
    return { kind: "missing", byte, bytes: -extra };
  }
  return classify(actual, expected, byte);
}

/**
 * Classifies the difference at `byte` by searching the bytes that follow there
 * in one array further on in the other.
 */
export function classify(
  actual: Uint8Array,
  expected: Uint8Array,
  byte: number,
): Difference {
  const later = findFurtherOn(actual, expected, byte);
  if (later !== -1) return { kind: "extra", byte, bytes: later - byte };
  const earlier = findFurtherOn(expected, actual, byte);
  if (earlier !== -1) return { kind: "missing", byte, bytes: earlier - byte };
  return { kind: "changed", byte, was: actual[byte], expected: expected[byte] };
}

/** Finds the bytes of `needle` from `byte` on in `haystack` after `byte`. */
function findFurtherOn(
  haystack: Uint8Array,
  needle: Uint8Array,
  byte: number,
): number {
  if (byte + MATCH > needle.length) return -1;
  return indexOf(haystack, needle.subarray(byte, byte + MATCH), byte + 1);
}

export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Counts the equal bytes at the start. */
export function commonLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  if (areEqual(a.subarray(0, length), b.subarray(0, length))) return length;
  let i = 0;
  while (a[i] === b[i]) i++;
  return i;
}

function endsWith(data: Uint8Array, end: Uint8Array): boolean {
  return areEqual(data.subarray(data.length - end.length), end);
}

/** Finds bytes in others, from a position on; -1 if there are none. */
export function indexOf(
  { buffer, byteOffset, byteLength }: Uint8Array,
  bytes: Uint8Array,
  from = 0,
): number {
  return Buffer.from(buffer, byteOffset, byteLength).indexOf(bytes, from);
}
