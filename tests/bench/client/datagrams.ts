import { Bun } from "../bun.ts";
import { fits, patternOf } from "./pattern.ts";
import type { Result, Task } from "./result.ts";
import { Tally } from "./tally.ts";

/** After so many milliseconds without an answer a datagram counts as lost. */
const PATIENCE = 100;

/** Keeps datagrams in flight on every socket. */
export async function datagrams(task: Task): Promise<Result> {
  if ("unix" in task.where) throw new Error("datagrams go to a port");
  const { hostname, port } = task.where;
  const tally = new Tally();
  const message = patternOf(task.size);
  const sockets = await Promise.all(
    Array.from({ length: task.connections }, async () => {
      let since = 0;
      const socket = await Bun.udpSocket({
        hostname: "127.0.0.1",
        connect: { hostname, port },
        socket: {
          data(_, data) {
            if (!fits(data, 0, task.size, false)) tally.fail("a wrong echo");
            tally.bytes += data.length;
            tally.answered(performance.now() - since);
            send();
          },
          error() {},
        },
      });
      function send(): void {
        since = performance.now();
        socket.send(message);
      }
      for (let i = 0; i < task.inFlight; i++) send();
      return { socket, send, late: () => performance.now() - since > PATIENCE };
    }),
  );
  const again = setInterval(() => {
    for (const { late, send } of sockets) {
      if (!late()) continue;
      tally.lost += task.inFlight;
      for (let i = 0; i < task.inFlight; i++) send();
    }
  }, PATIENCE);
  const result = await tally.window(task);
  clearInterval(again);
  for (const { socket } of sockets) socket.close();
  return result;
}
