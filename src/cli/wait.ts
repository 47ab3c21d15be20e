/** The most that a timer takes. */
const LONGEST = 2 ** 31 - 1;

/**
 * Waits for it, but not for ever: resolves with whether it came in time. An
 * abort is the end of the time.
 */
export async function within(
  promise: Promise<unknown>,
  signal: AbortSignal,
  ms: number = LONGEST,
): Promise<boolean> {
  const { promise: over, resolve } = Promise.withResolvers<boolean>();
  const giveUp = () => resolve(false);
  const timer = setTimeout(giveUp, ms);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([promise.then(() => true), over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Waits for this time, or until the abort. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await within(new Promise(() => {}), signal, ms);
}
