import type { BunAddress } from "../bun.ts";
import { fits, patternOf } from "./pattern.ts";
import type { Result, Task } from "./result.ts";
import { Tally } from "./tally.ts";

/** Reused for all reads of a connection; larger ones gain nothing. */
const BUFFER = 262_144;

/**
 * Like `echo`, for messages so large that what the client does with them
 * decides the throughput. It runs on Deno: Bun allocates for every read.
 */
export async function stream(task: Task): Promise<Result> {
  const tally = new Tally();
  const message = patternOf(task.size);
  let over = false;
  const talks = Array.from({ length: task.connections }, async () => {
    try {
      await talk(task.where, message, tally, () => over);
    } catch (error) {
      tally.fail(String(error));
    }
  });
  const result = await tally.window(task);
  // To the end: what is in flight comes back, then the server ends its side.
  over = true;
  await Promise.all(talks);
  return result;
}

async function talk(
  where: BunAddress,
  message: Uint8Array,
  tally: Tally,
  over: () => boolean,
): Promise<void> {
  if ("unix" in where) throw new Error("streams go to a port");
  using conn = await Deno.connect(where);
  conn.setNoDelay();
  const buffer = new Uint8Array(BUFFER);
  // The first message is checked byte by byte.
  for (let thorough = true; !over(); thorough = false) {
    const since = performance.now();
    await Promise.all([
      send(conn, message),
      receive(conn, message.length, buffer, thorough, tally),
    ]);
    tally.answered(performance.now() - since);
  }
  await conn.closeWrite();
  if (await conn.read(buffer) !== null) throw new Error("bytes after the end");
}

async function send(conn: Deno.Conn, message: Uint8Array): Promise<void> {
  for (let at = 0; at < message.length;) {
    at += await conn.write(message.subarray(at));
  }
}

async function receive(
  conn: Deno.Conn,
  size: number,
  buffer: Uint8Array,
  thorough: boolean,
  tally: Tally,
): Promise<void> {
  for (let at = 0; at < size;) {
    const n = await conn.read(buffer);
    if (n === null) throw new Error("the server ended the connection");
    if (!fits(buffer.subarray(0, n), at, size, thorough)) {
      throw new Error("the echo is not what was sent");
    }
    at += n;
    tally.bytes += n;
  }
}
