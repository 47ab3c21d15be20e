// A chat room: sends each line of a client to all others.
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Connection,
  formatAddress,
  serve,
  serveUntilSignal,
} from "../mod.ts";

const HELP = `Usage: chat.ts [FLAGS]

A chat room: sends each line of a client to all others.

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [7070]
  -h, --help           this text

Join it with: nc 127.0.0.1 7070`;

/** The longest line, in bytes; a client that sends a longer one is reset. */
const MAX_LINE = 4096;
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

/** Spells out control characters: the others' terminals would obey them. */
function escape(line: string): string {
  return line.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (control) => `\\u{${control.charCodeAt(0).toString(16)}}`,
  );
}

async function chat(conn: Connection): Promise<void> {
  const name = formatAddress(conn.remoteAddr);
  members.set(conn, { pending: 0 });
  broadcast(`${name} came\n`, conn);
  try {
    for await (const line of conn.lines({ maxBytes: MAX_LINE })) {
      broadcast(`${name}: ${escape(line)}\n`, conn);
    }
  } finally {
    members.delete(conn);
    broadcast(`${name} left\n`, conn);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "7070" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  await serveUntilSignal(serve({
    hostname: values.hostname,
    port: Number(values.port),
    onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
  }, chat));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
