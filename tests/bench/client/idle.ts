import { openAll } from "./echo.ts";
import type { Result, Task } from "./result.ts";
import { Tally } from "./tally.ts";
import { residentMemory } from "./usage.ts";

/** Connections that come before the count: code and heap have grown by then. */
const WARM_UP = 500;

/** Holds connections that have said one thing and then nothing. */
export async function idle(task: Task): Promise<Result> {
  const tally = new Tally();
  await hold({ ...task, connections: WARM_UP }, tally);
  const before = residentMemory(task.pid);
  await hold(task, tally);
  tally.memory = residentMemory(task.pid) - before;
  return await tally.window({ ...task, warmup: 0, duration: 0 });
}

/** The echo on each connection tells that the server has accepted it. */
async function hold(task: Task, tally: Tally): Promise<void> {
  const held = Promise.withResolvers<void>();
  let silent = task.connections;
  const talks = await openAll(task, {
    answered(_, milliseconds) {
      tally.answered(milliseconds);
      if (--silent === 0) held.resolve();
    },
    closed: (_, error) => held.reject(new Error(error)),
  });
  for (const talk of talks) talk.send();
  await held.promise;
}
