// A server for a protocol of lines: answers TIME, ECHO and QUIT.
import process from "node:process";
import { parseArgs } from "node:util";
import {
  type Connection,
  formatAddress,
  serve,
  serveUntilSignal,
  SocketError,
} from "../mod.ts";

const HELP = `Usage: line_server.ts [FLAGS]

Answers lines: TIME with the time, ECHO TEXT with the text, QUIT with the end.

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [7001]
  -h, --help           this text

Talk to it with: nc 127.0.0.1 7001`;

/** The longest line, so that a client cannot fill the memory. */
const MAX_LINE = 1024;

async function answerLines(conn: Connection): Promise<void> {
  for await (const line of conn.lines({ maxBytes: MAX_LINE })) {
    const [, command, text] = /^(\S*)\s*(.*)$/.exec(line) ?? [];
    switch (command?.toUpperCase()) {
      case "TIME":
        await conn.send(`${new Date().toISOString()}\n`);
        break;
      case "ECHO":
        await conn.send(`${text}\n`);
        break;
      case "QUIT":
        return await conn.send("Bye\n");
      default:
        await conn.send("Expected TIME, ECHO TEXT or QUIT\n");
    }
  }
}

async function serveLines(conn: Connection): Promise<void> {
  try {
    await answerLines(conn);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    if (error.code !== "EMSGSIZE") throw error;
    await conn.send(`A line is longer than ${MAX_LINE} bytes\n`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "7001" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  await serveUntilSignal(serve({
    hostname: values.hostname,
    port: Number(values.port),
    onListen: (addr) => console.log(`listening on ${formatAddress(addr)}`),
  }, serveLines));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
