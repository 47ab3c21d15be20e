// What the tests of TLS share.
import { it } from "node:test";
import type { Certificates } from "./certificates.ts";
import { certificates } from "./support.ts";

export const onBun = "Bun" in globalThis;

/** A test that needs certificates; support.ts says so where there are none. */
export function itIsSo(
  behaviour: string,
  test: (made: Certificates) => Promise<void>,
): void {
  const made = certificates;
  if (made === undefined) it(behaviour, { skip: "No openssl" }, () => {});
  else it(behaviour, { timeout: 30_000 }, () => test(made));
}

/** What a caller without types may pass. */
export function untyped<T>(options: unknown): T {
  return options as T;
}
