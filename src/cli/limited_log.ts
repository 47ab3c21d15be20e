import { setTimeout } from "node:timers";
import { log } from "../servers/log.ts";

/** Lines a second; the rest are counted. */
const LINES = 5;
const SECOND = 1000;

/**
 * Returns a callback that logs a line for each call, at most five a second, and
 * then how many more there were: whoever can connect can cause a reject.
 *
 * @param line Makes the line of a call.
 */
export function limitedLog<Args extends unknown[]>(
  line: (...args: Args) => string,
): (...args: Args) => void {
  let calls = 0;
  const startAgain = () => {
    const more = calls - LINES;
    calls = 0;
    if (more > 0) log(`… and ${more} more that were rejected`);
  };
  return (...args) => {
    // The timer must not keep the process.
    if (calls++ === 0) setTimeout(startAgain, SECOND).unref();
    if (calls <= LINES) log(line(...args));
  };
}
