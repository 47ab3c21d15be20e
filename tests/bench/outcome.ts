/** What came of something: a value, or why there is none. */
export type Outcome<T> = { value: T } | { reason: string };

/** Runs something that may turn out not to be possible here. */
export async function outcomeOf<T>(
  work: () => Promise<T>,
): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
