import { Bun, type BunSocket } from "../bun.ts";
import type { Result, Task } from "./result.ts";
import { Tally } from "./tally.ts";

/** Written at a time. */
const WRITE_BYTES = 262_144;
const NEWLINE = 10;

/** Sends lines of `size` bytes, as fast as the server takes them. */
export async function feed(task: Task): Promise<Result> {
  const { size, connections, where } = task;
  const tally = new Tally();
  const lines = Math.ceil(WRITE_BYTES / size);
  const block = Uint8Array.from(
    { length: lines * size },
    (_, at) => at % size === size - 1 ? NEWLINE : 65,
  );
  function write(socket: BunSocket<{ at: number }>): void {
    for (;;) {
      const { at } = socket.data;
      const taken = socket.write(at === 0 ? block : block.subarray(at));
      if (taken <= 0) return;
      tally.bytes += taken;
      socket.data.at = (at + taken) % block.length;
      if (at + taken < block.length) return;
    }
  }
  let over = false;
  const sockets = await Promise.all(
    Array.from({ length: connections }, () =>
      Bun.connect({
        ...where,
        allowHalfOpen: true,
        data: { at: 0 },
        socket: {
          binaryType: "uint8array",
          drain: write,
          close() {
            if (!over) tally.fail("the server closed the connection");
          },
          error() {},
        },
      })),
  );
  for (const socket of sockets) write(socket);
  const result = await tally.window(task);
  over = true;
  for (const socket of sockets) socket.end();
  return result;
}
