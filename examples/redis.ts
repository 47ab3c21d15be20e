// A Redis client: sends all commands at once, then reads their replies in order
// (pipelining). Its protocol mixes lines and lengths: `recvUntil`, `recvExactly`.
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { connect, type Connection } from "../mod.ts";

const HELP = `Usage: redis.ts [FLAGS] [COMMAND...]

Sends commands to a Redis server and prints the replies. Without a COMMAND, each
line of standard input is one.

      --hostname HOST  the server [127.0.0.1]
      --port PORT      its port [6379]
  -h, --help           this text

Example: redis.ts "SET greeting hello" "GET greeting"`;

type Reply = string | null | Error | Reply[];

function encode(command: string): string {
  const words = command.trim().split(/\s+/)
    .map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${words.join("")}`;
}

/** Returns the text without its CRLF. */
function decode(data: Uint8Array | null): string {
  if (data === null) throw new Error("The server has ended");
  return new TextDecoder().decode(data.subarray(0, -2));
}

async function receiveReply(conn: Connection): Promise<Reply> {
  const line = decode(await conn.recvUntil("\r\n"));
  const rest = line.slice(1);
  const length = Number(rest);
  switch (line[0]) {
    case "+":
    case ":":
      return rest;
    case "-":
      return new Error(rest);
    case "$":
      return length < 0 ? null : decode(await conn.recvExactly(length + 2));
    case "*": {
      if (length < 0) return null;
      const replies: Reply[] = [];
      while (replies.length < length) replies.push(await receiveReply(conn));
      return replies;
    }
    default:
      throw new Error(`Not a reply of Redis: ${JSON.stringify(line)}`);
  }
}

function format(reply: Reply): string {
  if (reply === null) return "(nil)";
  if (reply instanceof Error) return `(error) ${reply.message}`;
  return Array.isArray(reply) ? reply.map(format).join("\n") : reply;
}

async function main(): Promise<void> {
  const { values, positionals: commands } = parseArgs({
    options: {
      hostname: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "6379" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return console.log(HELP);
  if (commands.length === 0) {
    const lines = createInterface({ input: process.stdin });
    for await (const line of lines) if (line.trim()) commands.push(line);
  }
  await using conn = await connect({
    hostname: values.hostname,
    port: Number(values.port),
    timeout: 5000,
  });
  // Receive meanwhile: a server whose replies wait stops to take commands.
  const sent = conn.send(commands.map(encode));
  const received = (async () => {
    for (const _ of commands) {
      const reply = await receiveReply(conn);
      if (reply instanceof Error) process.exitCode = 1;
      console.log(format(reply));
    }
  })();
  await Promise.all([sent, received]);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
