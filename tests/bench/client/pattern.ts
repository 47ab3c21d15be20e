/** Prime, so that a byte missing or twice shifts all that follows. */
const PERIOD = 251;

/** The message of `size` bytes that every connection sends again and again. */
export function patternOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => at % PERIOD);
}

/**
 * Whether a chunk is what belongs at this place of the message. Its first and
 * last byte tell, at no cost that would slow the client down; `thorough` looks
 * at all of it.
 */
export function fits(
  chunk: Uint8Array,
  at: number,
  size: number,
  thorough: boolean,
): boolean {
  const { length } = chunk;
  if (at + length > size) return false;
  if (thorough) return chunk.every((byte, i) => byte === (at + i) % PERIOD);
  return chunk[0] === at % PERIOD &&
    chunk[length - 1] === (at + length - 1) % PERIOD;
}
