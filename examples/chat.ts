// A chat room: what one says, the others read.
import { parseArgs } from "node:util";
import { type Connection, formatAddress, serve } from "../mod.ts";
import {
  run,
  serverFlags,
  serverOptions,
  serveUntilSignal,
} from "./program.ts";

const room = new Set<Connection>();

async function tell(text: string, from: Connection): Promise<void> {
  const others = [...room].filter((conn) => conn !== from);
  // Somebody who has just left does not spoil it for the rest.
  await Promise.allSettled(others.map((conn) => conn.send(text)));
}

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("7070") });
  const options = serverOptions(values);
  if (options.transport === "udp") throw new TypeError("A room needs a stream");
  const server = await serve(options, async (conn) => {
    const name = formatAddress(conn.remoteAddr);
    room.add(conn);
    await tell(`${name} came\n`, conn);
    try {
      const lines = conn.readable.pipeThrough(new TextDecoderStream());
      for await (const text of lines) await tell(`${name}: ${text}`, conn);
    } finally {
      room.delete(conn);
      await tell(`${name} left\n`, conn);
    }
  });
  await serveUntilSignal(server, values.cert !== undefined);
});
