// An SMTP client: sends a mail over TLS, by STARTTLS (RFC 5321, RFC 3207).
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { connect, type Connection } from "../mod.ts";

const HELP = `Usage: smtp.ts --from ADDRESS --to ADDRESS [FLAGS]

Sends standard input as a mail, over TLS to a verified server.

      --hostname HOST  the server [localhost]
      --port PORT      its port [25]
      --from ADDRESS   the sender
      --to ADDRESS     the recipient; again for more of them
      --subject TEXT   the subject [none]
      --ca FILE        trust these certificates (PEM) as well
  -h, --help           this text

Example: echo Hello | smtp.ts --from me@a.test --to you@b.test`;

interface Mail {
  from: string;
  to: string[];
  subject: string;
  body: string;
}

/** Receives a reply; returns its lines without their code. */
async function reply(conn: Connection, code: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const line of conn.lines()) {
    texts.push(line.slice(4));
    if (line[3] === "-") continue; // the reply goes on
    if (line.startsWith(code)) return texts;
    throw new Error(`The server says: ${line}`);
  }
  throw new Error("The server has ended the connection");
}

async function command(
  conn: Connection,
  line: string,
  code = "250",
): Promise<string[]> {
  // The rest of the line would be the next command.
  if (/[\r\n]/.test(line)) throw new TypeError("A line break in an address");
  await conn.send(`${line}\r\n`);
  return await reply(conn, code);
}

/** Formats headers and body, with CRLF and without a line that is one dot. */
function encode({ from, to, subject, body }: Mail): string {
  const lines = [
    `From: <${from}>`,
    `To: ${to.map((address) => `<${address}>`).join(", ")}`,
    `Subject: =?utf-8?B?${Buffer.from(subject).toString("base64")}?=`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    ...body.replace(/\r?\n$/, "").split(/\r?\n/),
  ];
  return lines.map((line) => `${line.replace(/^\./, "..")}\r\n`).join("");
}

async function send(
  hostname: string,
  port: number,
  caCerts: string[] | undefined,
  mail: Mail,
): Promise<string> {
  await using plain = await connect({ hostname, port, timeout: 10_000 });
  const { hostname: ip } = plain.localAddr;
  const hello = `EHLO [${ip.includes(":") ? `IPv6:${ip}` : ip}]`;
  await reply(plain, "220");
  await command(plain, hello);
  await command(plain, "STARTTLS", "220");

  // What the server said in plain text does not count: say hello again.
  await using conn = await plain.startTls({ caCerts });
  const offers = await command(conn, hello);
  const is8Bit = offers.includes("8BITMIME") ? " BODY=8BITMIME" : "";
  await command(conn, `MAIL FROM:<${mail.from}>${is8Bit}`);
  for (const address of mail.to) await command(conn, `RCPT TO:<${address}>`);
  await command(conn, "DATA", "354");
  await conn.send([encode(mail), ".\r\n"]);
  const [queued] = await reply(conn, "250");
  await command(conn, "QUIT", "221");
  return queued;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hostname: { type: "string", default: "localhost" },
      port: { type: "string", default: "25" },
      from: { type: "string" },
      to: { type: "string", multiple: true },
      subject: { type: "string", default: "" },
      ca: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const { hostname, from, to, subject, ca } = values;
  if (from === undefined || to === undefined) {
    throw new TypeError("Expected --from ADDRESS and --to ADDRESS");
  }
  const caCerts = ca === undefined ? undefined : [readFileSync(ca, "utf8")];
  const body = await text(process.stdin);
  const mail = { from, to, subject, body };
  console.log(await send(hostname, Number(values.port), caCerts, mail));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
