import process from "node:process";
import { escapeControls } from "../escape.ts";
import { log } from "../servers/log.ts";

interface ProgramOptions {
  /** Printed before each error. */
  name?: string;
  /**
   * Exit status after wrong arguments.
   *
   * @default 1
   */
  usageStatus?: number;
  /** Printed, instead of running, for `--help` and `-h`. */
  help?: string;
}

/**
 * Runs a program. Prints an error as one line on standard error, and sets the
 * exit status to 1.
 */
export async function run(
  program: () => Promise<void>,
  { name, usageStatus = 1, help }: ProgramOptions = {},
): Promise<void> {
  const fail = (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    const line = escapeControls(text.replaceAll("\n", " "));
    log(name === undefined ? line : `${name}: ${line}`);
    process.exitCode = isUsageError(error) ? usageStatus : 1;
  };
  // Each further write to a closed pipe, as of `head`, is an error again.
  let hasFailed = false;
  process.stdout.on("error", (error) => {
    // The reader, as `head`, has what it wanted.
    if ("code" in error && error.code === "EPIPE") process.exitCode = 1;
    else if (!hasFailed) fail(error);
    hasFailed = true;
  });
  const [flag] = process.argv.slice(2);
  if (help !== undefined && (flag === "--help" || flag === "-h")) {
    return console.log(help);
  }
  try {
    await program();
  } catch (error) {
    fail(error);
  }
}

/** Whether arguments were wrong: calls of this package throw these errors. */
export function isUsageError(error: unknown): error is TypeError | RangeError {
  return error instanceof TypeError || error instanceof RangeError;
}
