import process from "node:process";

/** How long an interrupted program may wait for what is under way. */
const GRACE = 1000;

/** When a program that goes on for ever has to stop. */
export interface Halt extends Disposable {
  /** Begin nothing new. */
  readonly stop: AbortSignal;
  /** Wait for nothing. */
  readonly end: AbortSignal;
}

/**
 * The first SIGINT or SIGTERM is to stop, the second one, or a second later,
 * to end; so is the end of whoever reads our output.
 */
export function haltOnSignal(): Halt {
  const stop = new AbortController();
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onEnd = () => {
    stop.abort(new Error("Interrupted"));
    end.abort();
  };
  const onSignal = () => {
    if (stop.signal.aborted) return onEnd();
    stop.abort(new Error("Interrupted"));
    timer = setTimeout(onEnd, GRACE);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  process.stdout.on("error", onEnd);
  return {
    stop: stop.signal,
    end: end.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
      process.stdout.off("error", onEnd);
    },
  };
}
