// Bytes to send, and how to receive and read them.
import type { Connection } from "../../mod.ts";

/** More bytes than the kernel's buffers take while the peer does not read. */
export const TOO_MUCH = 32 << 20;

/** Receives until the peer ends. */
export async function recvAll(
  conn: Connection,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for (let data; (data = await conn.recv()) !== null;) chunks.push(data);
  return concat(chunks);
}

/** Receives this many bytes; an end before the first fails the test, too. */
export async function recvExactly(
  conn: Connection,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const data = await conn.recvExactly(length);
  if (data === null) throw new Error(`Ended, with ${length} bytes missing`);
  return data;
}

export function concat(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const total = chunks.reduce((sum, { length }) => sum + length, 0);
  const all = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

export function text(data: Uint8Array | null): string {
  return new TextDecoder().decode(data ?? undefined);
}

/** Bytes without a short period, so that a loss, a repetition or a swap shows. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  if (seed !== 1) return generate(length, seed);
  // Made once, for it takes a second of time for 32 MiB.
  if (made.length < length) made = generate(length, seed);
  return made.slice(0, length);
}

let made = new Uint8Array(0);

function generate(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** 100 MB in one array: each block differs, so that none can replace another. */
export function* hundredBlocks(): Generator<Uint8Array> {
  const block = pattern(1_000_000);
  for (let i = 0; i < 100; i++) {
    block[0] = i;
    yield block;
  }
}
