import type { Connection } from "../socket.ts";
import { rejectOnAbort } from "./abort.ts";
import type { CheckedConnect } from "./checked_options.ts";
import { type FailedCall, socketError } from "./socket_error.ts";

/** The longest delay in milliseconds; `setTimeout` fires at once beyond it. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Opens with a signal that aborts after the `timeout` as well, if there is one. */
export async function withDeadline<T>(
  { timeout = Infinity, signal }: CheckedConnect,
  call: FailedCall,
  open: (signal?: AbortSignal) => Promise<T>,
): Promise<T> {
  if (timeout > LONGEST_TIMER) return await open(signal);
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    const reason = `no connection after ${timeout} ms`;
    deadline.abort(socketError("ETIMEDOUT", call, undefined, reason));
  }, timeout);
  const signals = signal ? [signal, deadline.signal] : [deadline.signal];
  try {
    return await open(AbortSignal.any(signals));
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects at once on abort; not every runtime can, so a late socket is closed. */
export function closeIfAborted(
  opening: Promise<Connection>,
  signal: AbortSignal,
): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  rejectOnAbort(signal, promise, () => reject(signal.reason));
  opening.then((connection) => {
    if (signal.aborted) connection.close();
    else resolve(connection);
  }, reject);
  return promise;
}
