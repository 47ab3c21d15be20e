/** Joins arrays; a single one is returned itself. */
export function concat<T extends Uint8Array>(
  parts: readonly T[],
): T | Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Makes the error of a send of which the array has changed. */
export function arrayChanged(): Error {
  return new Error("The array was transferred or resized while it was sent");
}
