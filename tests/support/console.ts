// What a test prints.

/** Returns the arguments of each `console.error` during `act`. */
export async function captureConsoleError(
  act: () => Promise<void>,
): Promise<unknown[]> {
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (...args: unknown[]) => void printed.push(...args);
  try {
    await act();
  } finally {
    console.error = error;
  }
  return printed;
}
