// A server for a protocol of lines: answers TIME, ECHO and QUIT.
import process from "node:process";
import { parseArgs } from "node:util";
import { type Connection, formatAddress, serve, SocketError } from "../mod.ts";

const HELP = `Usage: line_server.ts [FLAGS]

Answers lines: TIME with the time, ECHO TEXT with the text, QUIT with the end.

      --hostname HOST  name or IP to listen on [127.0.0.1]
      --port PORT      port, 0 to have one chosen [7001]
  -h, --help           this text

Talk to it with: nc 127.0.0.1 7001`;

/** The longest line, so that a client cannot fill the memory. */
const MAX_LINE = 1024;

async function answer(conn: Connection): Promise<void> {
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

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "7001" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const { hostname } = values;
  const port = Number(values.port);
  const server = await serve({ hostname, port }, async (conn) => {
    try {
      await answer(conn);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      if (error.code !== "EMSGSIZE") throw error;
      await conn.send(`A line is longer than ${MAX_LINE} bytes\n`);
    }
  });
  console.log(`listening on ${formatAddress(server.addr)}`);
  // A second signal ends the process at once, as without a listener.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => server.shutdown({ timeout: 5000 }));
  }
  await server.finished;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
