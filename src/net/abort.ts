import { checkSignal } from "./validate_values.ts";

/** Calls `onAbort` when the signal aborts, unless `promise` settled before. */
export function rejectOnAbort(
  signal: AbortSignal,
  promise: Promise<unknown>,
  onAbort: () => void,
): void {
  signal.addEventListener("abort", onAbort, { once: true });
  const remove = () => signal.removeEventListener("abort", onAbort);
  promise.then(remove, remove);
}

/** Returns the rejection of a call with an aborted or invalid signal. */
export function rejectIfAborted(
  signal: AbortSignal | undefined,
): Promise<never> | undefined {
  try {
    checkSignal(signal);
  } catch (error) {
    return Promise.reject(error);
  }
  if (signal?.aborted) return Promise.reject(signal.reason);
}
