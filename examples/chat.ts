// A chat room: what one says, the others read.
import { parseArgs } from "node:util";
import { type Connection, formatAddress, serve } from "../mod.ts";
import { serverFlags, serverOptions } from "../src/cli/flags.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

/** Nobody waits for the slow: who is this many letters behind has to go. */
const MOST_BEHIND = 1024 * 1024;
const room = new Map<Connection, { behind: number }>();

function tell(text: string, from: Connection): void {
  for (const [conn, member] of room) {
    if (conn === from) continue;
    member.behind += text.length;
    if (member.behind > MOST_BEHIND) conn.close();
    // One who has left hears nothing, and need not.
    conn.send(text).then(() => member.behind -= text.length, () => {});
  }
}

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("7070") });
  const options = serverOptions(values);
  if (options.transport === "udp") throw new TypeError("A room needs a stream");
  const server = await serve(options, async (conn) => {
    const name = formatAddress(conn.remoteAddr);
    room.set(conn, { behind: 0 });
    tell(`${name} came\n`, conn);
    try {
      const texts = conn.readable.pipeThrough(new TextDecoderStream());
      for await (const text of texts) tell(`${name}: ${text}`, conn);
    } finally {
      room.delete(conn);
      tell(`${name} left\n`, conn);
    }
  });
  await serveUntilSignal(server, values.cert !== undefined);
});
