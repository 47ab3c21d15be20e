// The assertions in use: those of @std/assert, or the same few over
// `node:assert` where JSR cannot be reached.
import nodeAssert from "node:assert/strict";

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
