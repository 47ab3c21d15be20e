import { Buffer } from "node:buffer";

/** The first place where bytes are not what they should be; from 0. */
export type Difference =
  | { kind: "changed"; byte: number; was: number; expected: number }
  | { kind: "missing" | "extra"; byte: number; bytes: number };

/** So many bytes are found again by chance once in 2 ** 64 places. */
const WINDOW = 8;

/** Compares what came with all that should have come. */
export function compare(
  got: Uint8Array,
  want: Uint8Array,
): Difference | undefined {
  const byte = commonLength(got, want);
  if (byte === want.length && byte === got.length) return undefined;
  if (byte === got.length) {
    return { kind: "missing", byte, bytes: want.length - byte };
  }
  if (byte === want.length) {
    return { kind: "extra", byte, bytes: got.length - byte };
  }
  return explain(got, want, byte);
}

/** What happened where they part: which of them goes on later in the other? */
export function explain(
  got: Uint8Array,
  want: Uint8Array,
  byte: number,
): Difference {
  const later = find(got, want, byte);
  if (later !== -1) return { kind: "extra", byte, bytes: later - byte };
  const earlier = find(want, got, byte);
  if (earlier !== -1) return { kind: "missing", byte, bytes: earlier - byte };
  return { kind: "changed", byte, was: got[byte], expected: want[byte] };
}

/** Where the bytes that one has at `byte` are found in the other after it. */
function find(where: Uint8Array, what: Uint8Array, byte: number): number {
  if (byte + WINDOW > what.length) return -1;
  return asBuffer(where).indexOf(what.subarray(byte, byte + WINDOW), byte + 1);
}

export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** How many bytes they have in common from the begin. */
export function commonLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  if (areEqual(a.subarray(0, length), b.subarray(0, length))) return length;
  let i = 0;
  while (a[i] === b[i]) i++;
  return i;
}

/** The same bytes, with the methods of a buffer. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
