import { patternOf } from "./pattern.ts";
import type { Result, Task } from "./result.ts";
import { Talk, type TalkEvents } from "./talk.ts";
import { Tally } from "./tally.ts";

/** So many connects at once fit any listen queue. */
const AT_ONCE = 128;

/** Opens many connections, a queue's worth at a time. */
export async function openAll(
  { where, connections, size }: Task,
  events: TalkEvents,
): Promise<Talk[]> {
  const message = patternOf(size);
  const talks: Talk[] = [];
  while (talks.length < connections) {
    const length = Math.min(AT_ONCE, connections - talks.length);
    const opening = Array.from(
      { length },
      () => Talk.open(where, message, events),
    );
    talks.push(...await Promise.all(opening));
  }
  return talks;
}

/** Keeps one message in flight on every connection. */
export async function echo(task: Task): Promise<Result> {
  const tally = new Tally();
  const through = Promise.withResolvers<void>();
  let open = task.connections;
  let over = false;
  const talks = await openAll(task, {
    received: (count) => tally.bytes += count,
    answered(talk, milliseconds) {
      tally.answered(milliseconds);
      if (over) talk.finish();
      else talk.send();
    },
    closed(_, error) {
      if (error !== undefined) tally.fail(error);
      if (--open === 0) through.resolve();
    },
  });
  for (const talk of talks) talk.send();
  const result = await tally.window(task);
  // To the end: what is in flight comes back, then the server ends its side.
  over = true;
  await through.promise;
  return result;
}
