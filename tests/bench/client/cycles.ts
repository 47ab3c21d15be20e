import { patternOf } from "./pattern.ts";
import type { Result, Task } from "./result.ts";
import { Talk, type TalkEvents } from "./talk.ts";
import { Tally } from "./tally.ts";

/** Connects, has one message echoed and closes, again and again. */
export async function cycles(task: Task): Promise<Result> {
  const tally = new Tally();
  const through = Promise.withResolvers<void>();
  const message = patternOf(task.size);
  let open = task.connections;
  let over = false;
  const events: TalkEvents = {
    answered(talk, milliseconds) {
      tally.answered(milliseconds);
      talk.close();
    },
    closed(_, error) {
      if (error !== undefined) tally.fail(error);
      if (!over && tally.errors.length === 0) next();
      else if (--open === 0) through.resolve();
    },
  };
  async function next(): Promise<void> {
    try {
      const talk = await Talk.open(task.where, message, events);
      talk.send();
    } catch (error) {
      tally.fail(String(error));
      if (--open === 0) through.resolve();
    }
  }
  for (let i = 0; i < task.connections; i++) next();
  const result = await tally.window(task);
  over = true;
  await through.promise;
  return result;
}
