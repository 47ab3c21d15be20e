// The assertions in use: those of @std/assert, or the same few over
// `node:assert` where JSR cannot be reached.
import nodeAssert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { SocketError, type SocketErrorCode } from "../../mod.ts";

/** The assertions that the suite uses. */
interface Assertions {
  assert(condition: unknown, message?: string): asserts condition;
  assertEquals<T>(actual: T, expected: T, message?: string): void;
  assertRejects<E extends Error>(
    act: () => Promise<unknown>,
    type: abstract new (...args: never[]) => E,
  ): Promise<E>;
}

const overNode: Assertions = {
  assert(condition, message) {
    nodeAssert.ok(condition, message);
  },
  assertEquals(actual, expected, message) {
    nodeAssert.deepStrictEqual(actual, expected, message);
  },
  async assertRejects(act, type) {
    // As there: a call that throws instead of rejecting is a fault.
    const promise = act();
    try {
      await promise;
    } catch (error) {
      if (error instanceof type) return error;
      throw error;
    }
    nodeAssert.fail(`Expected a rejection with ${type.name}`);
  },
};

const chosen: Assertions = await import("@std/assert").catch(() => overNode);

export const assert: Assertions["assert"] = chosen.assert;
export const assertEquals: Assertions["assertEquals"] = chosen.assertEquals;
export const assertRejects: Assertions["assertRejects"] = chosen.assertRejects;

/** Asserts that a call rejects with a SocketError of this code. */
export async function assertRejectsWith(
  code: SocketErrorCode,
  act: () => Promise<unknown>,
): Promise<SocketError> {
  const error = await assertRejects(act, SocketError);
  assertEquals(error.code, code);
  return error;
}

/** Asserts with a message that stays readable for megabytes. */
export function assertSameBytes(
  actual: Uint8Array,
  expected: Uint8Array,
): void {
  assertEquals(actual.length, expected.length, "Lengths differ");
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(`Bytes differ at ${at}`);
}

/** Passes a value as a caller without types may. */
export function untyped<T>(value: unknown): T {
  return value as T;
}
