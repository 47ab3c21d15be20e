// A chat room: sends the text of each client to all others.
import { parseArgs } from "node:util";
import { type Connection, formatAddress, serve } from "../mod.ts";
import { serverFlags, serverOptions } from "../src/cli/flags.ts";
import { exampleHelp } from "../src/cli/help.ts";
import { run } from "../src/cli/program.ts";
import { escapeLines } from "../src/escape.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";

/** Characters that may wait for a slow client; beyond, it is disconnected. */
const MAX_PENDING = 1024 * 1024;
const members = new Map<Connection, { pending: number }>();

function broadcast(text: string, from: Connection): void {
  for (const [conn, member] of members) {
    if (conn === from) continue;
    member.pending += text.length;
    if (member.pending > MAX_PENDING) conn.close();
    // A send fails when the client has left: its handler removes it.
    conn.send(text).then(() => member.pending -= text.length, () => {});
  }
}

const help = exampleHelp(
  "chat.ts",
  "A chat room: sends the text of each client to all others.",
  7070,
);

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("7070") });
  const options = serverOptions(values);
  if (options.transport === "udp") throw new TypeError("A room needs a stream");
  const server = await serve(options, async (conn) => {
    const name = formatAddress(conn.remoteAddr);
    members.set(conn, { pending: 0 });
    broadcast(`${name} came\n`, conn);
    try {
      const texts = conn.readable.pipeThrough(new TextDecoderStream());
      for await (const text of texts) {
        // The others' terminals must not obey a member.
        const shown = escapeLines(text.replaceAll("\r\n", "\n"));
        broadcast(`${name}: ${shown}`, conn);
      }
    } finally {
      members.delete(conn);
      broadcast(`${name} left\n`, conn);
    }
  });
  await serveUntilSignal(server, values);
}, { help });
