// A client of IMAP with STARTTLS: lines, and literals behind their length.
import { it } from "node:test";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { userInfo } from "node:os";
import { connect, type Connection } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import {
  isRoot,
  NOBODY,
  startPeer,
  unprivileged,
  withPrograms,
} from "../support/peers.ts";

function startDovecot() {
  return startPeer((port, folder) => {
    const own = (name: string, content: string) => {
      const file = join(folder, name);
      writeFileSync(file, content, { mode: 0o600 });
      if (isRoot) chownSync(file, NOBODY, NOBODY);
      return file;
    };
    const user = isRoot ? "nobody" : userInfo().username;
    const group = isRoot ? "nogroup" : "";
    const tls = certificates === undefined ? "ssl = no" : `ssl = yes
ssl_cert = <${own("cert.pem", certificates.server.cert)}
ssl_key = <${own("key.pem", certificates.server.key)}`;
    const config = own(
      "dovecot.conf",
      `
protocols = imap
listen = 127.0.0.1
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = /dev/stderr
default_internal_user = ${user}
default_login_user = ${user}
default_internal_group = ${group}
disable_plaintext_auth = no
${tls}
mail_location = maildir:${folder}/mail
first_valid_uid = 1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=${user} gid=${group} home=${folder}/home
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
`,
    );
    return unprivileged(["dovecot", "-F", "-c", config]);
  });
}

let tags = 0;

/** Sends a command; returns the lines and literals until its end. */
async function command(
  conn: Connection,
  ...parts: (string | Uint8Array)[]
): Promise<(string | Uint8Array)[]> {
  const tag = `a${++tags}`;
  await conn.send([`${tag} `, ...parts, "\r\n"]);
  const received: (string | Uint8Array)[] = [];
  for await (const line of conn.lines()) {
    if (line.startsWith(`${tag} `)) {
      assert(line.startsWith(`${tag} OK`), line);
      return received;
    }
    received.push(line);
    const literal = /\{(\d+)\}$/.exec(line);
    if (literal === null) continue;
    const bytes = await conn.recvExactly(Number(literal[1]));
    assert(bytes !== null);
    received.push(bytes);
  }
  throw new Error("The server has left");
}

/** Logs in, keeps mails, and asks for them. */
async function keepMails(conn: Connection, sizes: number[]): Promise<void> {
  await command(conn, "LOGIN me secret");
  await command(conn, "SELECT INBOX");
  const mails = sizes.map((size) =>
    new TextEncoder().encode(
      `Subject: ${size}\r\n\r\n${"a1 OK {9}\r\n".repeat(size / 11)}`,
    )
  );
  for (const mail of mails) {
    // A literal that needs no answer of the server: RFC 7888.
    await command(conn, `APPEND INBOX {${mail.length}+}\r\n`, mail);
  }
  const received = await command(conn, "FETCH 1:* (UID BODY.PEEK[])");
  const bodies = received.filter((part) => typeof part !== "string");
  assertEquals(bodies.length, mails.length);
  mails.forEach((mail, i) => assertSameBytes(bodies[i], mail));
  await command(conn, "STORE 1:* +FLAGS.SILENT (\\Deleted)");
  await command(conn, "EXPUNGE");
  const bye = await command(conn, "LOGOUT");
  assert(`${bye[0]}`.startsWith("* BYE"), `${bye}`);
  assertEquals(await conn.recv(), null);
}

/** Receives the greeting, which lists what the server is capable of. */
async function recvGreeting(conn: Connection): Promise<string> {
  const greeting = text(await conn.recvUntil("\r\n"));
  assert(greeting.startsWith("* OK"), greeting);
  return greeting;
}

it(
  "Dovecot keeps mails, in plain text and over TLS",
  withPrograms("dovecot"),
  async () => {
    await using dovecot = await startDovecot();
    const { port } = dovecot;
    await using plain = await connect({ port });
    const greeting = await recvGreeting(plain);
    const sizes = [0, 1100, 2_200_000];
    await keepMails(plain, sizes);
    if (certificates === undefined) return;
    assert(greeting.includes("STARTTLS"), greeting);
    const second = await connect({ port });
    await recvGreeting(second);
    await command(second, "STARTTLS");
    await using secure = await second.startTls({ caCerts: [certificates.ca] });
    const [capability] = await command(secure, "CAPABILITY");
    assert(!`${capability}`.includes("STARTTLS"));
    await keepMails(secure, sizes);
  },
);
