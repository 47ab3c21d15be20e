import { Bun, type BunSocket } from "../bun.ts";
import type { Result, Task } from "./result.ts";
import { Tally } from "./tally.ts";

/** Sends that a server makes at once when it is asked, by one byte. */
export const BURST = 10_000;

/** Asks for a burst, receives all of it, and asks for the next one. */
export async function burst(task: Task): Promise<Result> {
  const tally = new Tally();
  const whole = BURST * task.size;
  const ask = new Uint8Array(1);
  let got = 0;
  let since = 0;
  function next(socket: BunSocket<undefined>): void {
    got = 0;
    since = performance.now();
    socket.write(ask);
  }
  const socket = await Bun.connect<undefined>({
    ...task.where,
    allowHalfOpen: true,
    socket: {
      binaryType: "uint8array",
      data(socket, chunk) {
        got += chunk.length;
        tally.bytes += chunk.length;
        if (got > whole) tally.fail("more than was asked for");
        if (got < whole) return;
        tally.answered(performance.now() - since);
        next(socket);
      },
      error() {},
    },
  });
  next(socket);
  const result = await tally.window(task);
  socket.end();
  return result;
}
