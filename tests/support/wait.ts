// Waiting for a condition rather than for a time.

/** Waits until the condition holds, for 20 s at most. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`Not in time: ${condition}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until a count has not moved for a tenth of a second. */
export async function stalled(count: () => number): Promise<void> {
  for (let before = -1; count() !== before || before === 0;) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
