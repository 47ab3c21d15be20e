// What every program here shares: one line per error, and a status.
import process from "node:process";

/** How a program reports its errors. */
interface Manners {
  /** What each of its lines begins with. */
  name?: string;
  /** The status after wrong arguments, 1 unless given. */
  misuse?: number;
}

/** Runs a program: an error is one line on standard error, and status 1. */
export async function run(
  program: () => Promise<void>,
  { name, misuse = 1 }: Manners = {},
): Promise<void> {
  const fail = (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    const line = text.replaceAll("\n", " ");
    console.error(name === undefined ? line : `${name}: ${line}`);
    process.exitCode = isMisuse(error) ? misuse : 1;
  };
  // Whoever reads our output may leave before its end, as `head` does.
  let left = false;
  process.stdout.on("error", (error) => {
    if (!left) fail(error);
    left = true;
  });
  try {
    await program();
  } catch (error) {
    fail(error);
  }
}

/** Whether arguments were wrong: what the calls of this package throw then. */
export function isMisuse(error: unknown): error is TypeError | RangeError {
  return error instanceof TypeError || error instanceof RangeError;
}
