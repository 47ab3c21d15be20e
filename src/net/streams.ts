import { SocketError } from "../errors.ts";
import type { Connection, FrameOptions, PipeOptions } from "../socket.ts";

/** Makes a stream of `recv`, which reads when it is asked to, never ahead. */
export function readableOf(
  connection: Connection,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const cancelled = new AbortController();
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const data = await connection.recv(65536, { signal: cancelled.signal });
      if (data === null) controller.close();
      else controller.enqueue(data);
    },
    cancel(reason) {
      // Only stops receiving: the connection stays open for sending.
      cancelled.abort(reason);
    },
  }, { highWaterMark: 0 });
}

/** Makes a stream of `send`; its `ready` is the backpressure. */
export function writableOf(
  connection: Connection,
): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (data) => connection.send(data),
    close: () => connection.closeWrite(),
    abort: () => connection.close(),
  });
}

/** Pipes to a connection that is not of this package, by its public calls. */
export async function pipeGeneric(
  source: Connection,
  destination: Connection,
  { signal, preventClose }: PipeOptions = {},
): Promise<void> {
  for (let data; (data = await source.recv(65536, { signal })) !== null;) {
    await destination.send(data);
  }
  if (!preventClose) await destination.closeWrite();
}

/** Receives line by line; a last one may lack its end. */
export async function* linesOf(
  connection: Connection,
  options?: FrameOptions,
): AsyncGenerator<string, void, void> {
  // A mark at the start of a line is a character of it.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for (let line; (line = await recvLine(connection, options)) !== null;) {
    yield decoder.decode(line);
  }
}

const CR = 13;

async function recvLine(
  connection: Connection,
  options?: FrameOptions,
): Promise<Uint8Array | null> {
  try {
    const line = await connection.recvUntil("\n", options);
    if (line === null) return null;
    const end = line.length - 1;
    return line.subarray(0, line[end - 1] === CR ? end - 1 : end);
  } catch (error) {
    if (!(error instanceof SocketError) || error.code !== "EOF") throw error;
    // The peer ended in the middle of a line, which was left unconsumed.
    return await connection.recv(options?.maxBytes);
  }
}
