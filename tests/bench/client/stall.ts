import { Bun } from "../bun.ts";
import type { Result, Task } from "./result.ts";
import { Tally } from "./tally.ts";
import { cpuTime } from "./usage.ts";

/** Sends that a server makes to a reader that has stalled. */
export const STALLED = 160_000;

/** Seconds of processor time in a window that are no work. */
const RESTING = 0.02;

/** Asks for sends and reads none of them: what they cost is the server's. */
export async function stall(task: Task): Promise<Result> {
  const tally = new Tally();
  const socket = await Bun.connect<undefined>({
    ...task.where,
    allowHalfOpen: true,
    socket: { binaryType: "uint8array", data() {}, error() {} },
  });
  socket.pause();
  const before = cpuTime(task.pid);
  socket.write(new Uint8Array(1));
  // Until the server rests: a cost that is not linear would not fit a window.
  let after = before;
  let result: Result;
  do {
    after = cpuTime(task.pid);
    result = await tally.window({ ...task, warmup: 0 });
  } while (result.serverCpu > RESTING);
  socket.end();
  return { ...result, serverCpu: after - before, messages: STALLED };
}
