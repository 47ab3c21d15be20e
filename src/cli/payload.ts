/** The bytes that hold the sequence number, the lowest first. */
const HEADER = 8;

/**
 * The bytes of a message: its sequence number, then noise that no other
 * message and no other run has. A short one has the begin of the number only.
 */
export function payload(
  seed: number,
  seq: number,
  size: number,
): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(Math.max(size, HEADER) / 4));
  let state = scatter(seed + scatter(seq)) || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  new DataView(words.buffer).setBigUint64(0, BigInt(seq), true);
  return new Uint8Array(words.buffer, 0, size);
}

/** The sequence number that it begins with, as far as it has one. */
export function sequenceOf(
  data: Uint8Array,
  size: number,
): { value: number; modulus: number } | undefined {
  const length = Math.min(size, HEADER);
  if (data.length < length) return undefined;
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + data[i];
  return { value, modulus: 256 ** length };
}

/** Neighbours far apart: xorshift begins alike from numbers that are alike. */
function scatter(number: number): number {
  let hash = number | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
