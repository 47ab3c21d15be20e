// SMTP with STARTTLS: to Postfix as a client, to Python's smtplib as a server.
import { it } from "node:test";
import { connect, type Connection, serve } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { startPostfix, withPostfix } from "../support/postfix.ts";
import { python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

/** Returns the lines of a reply, the last of which has a space. */
async function reply(conn: Connection): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of conn.lines()) {
    lines.push(line);
    if (line[3] !== "-") return lines;
  }
  throw new Error(`The server has left: ${lines}`);
}

async function command(
  conn: Connection,
  line: string,
  code: string,
): Promise<string[]> {
  await conn.send(`${line}\r\n`);
  const lines = await reply(conn);
  assert(lines.at(-1)?.startsWith(code), `${line}: ${lines}`);
  return lines;
}

async function sendMail(conn: Connection, size: number): Promise<void> {
  // Pipelined, as RFC 2920 has it.
  await conn.send([
    "MAIL FROM:<us@parley.test>\r\n",
    "RCPT TO:<you@parley.test>\r\n",
    "DATA\r\n",
  ]);
  for (const code of ["250", "250", "354"]) {
    const [line] = await reply(conn);
    assert(line.startsWith(code), line);
  }
  const text = `${"x".repeat(78)}\r\n`.repeat(size / 80);
  await conn.send(["Subject: test\r\n\r\n", text, ".\r\n"]);
  const [line] = await reply(conn);
  assert(line.startsWith("250 2.0.0 Ok: queued"), line);
}

it("Postfix takes mail, in plain text and over TLS", withPostfix, async () => {
  await using server = await startPostfix();
  const plain = await connect({ port: server.port });
  const [greeting] = await reply(plain);
  assert(greeting.startsWith("220 mail.test"), greeting);
  const offered = await command(plain, "EHLO client.test", "250");
  await sendMail(plain, 80_000);
  if (certificates === undefined) return await plain.close();
  assert(offered.includes("250-STARTTLS"), offered.join());
  await command(plain, "STARTTLS", "220");
  const { ca } = certificates;
  await using conn = await plain.startTls({
    caCerts: [ca],
    serverName: "localhost",
  });
  const again = await command(conn, "EHLO client.test", "250");
  assert(!again.includes("250-STARTTLS"));
  for (const size of [80, 2_000_000]) await sendMail(conn, size);
  await command(conn, "QUIT", "221");
  assertEquals(await conn.recv(), null);
});

testTls("smtplib sends mail after its starttls", async (made) => {
  const mails: string[][] = [];
  await using server = await serve({ port: 0 }, async (plain) => {
    let conn = plain;
    await conn.send("220 mail.test\r\n");
    let isMail = false;
    for (;;) {
      const request = await conn.lines().next();
      if (request.done) return;
      const [verb] = request.value.toUpperCase().split(" ");
      if (isMail) {
        if (verb === ".") isMail = false;
        else mails.at(-1)!.push(request.value);
        if (!isMail) await conn.send("250 Ok\r\n");
        continue;
      }
      switch (verb) {
        case "EHLO": {
          const more = conn.tls === undefined ? ["250-STARTTLS\r\n"] : [];
          await conn.send(["250-mail.test\r\n", ...more, "250 8BITMIME\r\n"]);
          break;
        }
        case "STARTTLS":
          await conn.send("220 Go ahead\r\n");
          conn = await plain.startTls({ ...made.server, serverSide: true });
          break;
        case "DATA":
          assert(conn.tls !== undefined);
          isMail = true;
          mails.push([]);
          await conn.send("354 End with a dot\r\n");
          break;
        case "QUIT":
          await conn.send("221 Bye\r\n");
          return await conn.close();
        default:
          await conn.send("250 Ok\r\n");
      }
    }
  });
  const script = `
import smtplib, ssl
context = ssl.create_default_context(cafile=args[1])
with smtplib.SMTP("localhost", int(args[0]), "client.test") as smtp:
    smtp.starttls(context=context)
    smtp.ehlo()
    assert not smtp.has_extn("starttls")
    for i in range(3):
        smtp.sendmail("a@b.test", ["c@d.test"], f"Subject: {i}\\n\\n" + "x\\n" * 50000)
    print(smtp.sock.version())
`;
  await using client = start(python(script, portOf(server.addr), made.caFile));
  const { stdout, stderr } = await client.ended;
  assertEquals([stdout, stderr], ["TLSv1.3\n", ""]);
  const wanted = [0, 1, 2].map((i) => [
    `Subject: ${i}`,
    "",
    ...Array(50_000).fill("x"),
  ]);
  assertEquals(mails.length, 3);
  assert(mails.join() === wanted.join());
});
