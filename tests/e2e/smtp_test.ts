// smtp.ts: to a real Postfix, and to a server in Python that shows what it got.
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import {
  assertFails,
  command as commandOf,
  options as bounded,
} from "../support/examples.ts";
import { startPostfix, withPostfix } from "../support/postfix.ts";
import { type Program, python, runtimes, start } from "../support/programs.ts";

const skip = certificates === undefined && "No openssl";
const options = { ...bounded, skip };
const { caFile, certFile, keyFile } = certificates ??
  { caFile: "", certFile: "", keyFile: "" };

const MAIL = ["Grüße,", ".", "..two dots", "", "the end."];

/** Serves one client; prints what it says once it speaks TLS. */
const SERVER = `
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(args[0], args[1])
mode = args[2]
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
s, _ = server.accept()
s.sendall(b"220-mail.test\\r\\n220 ESMTP\\r\\n")
lines = s.makefile("rb")
while line := lines.readline().decode():
    verb = line.split()[0].upper()
    if isinstance(s, ssl.SSLSocket): print(line.rstrip("\\r\\n"))
    if verb == "EHLO":
        more = b"250-STARTTLS\\r\\n" if mode != "plain" else b""
        s.sendall(b"250-mail.test\\r\\n" + more + b"250 8BITMIME\\r\\n")
    elif verb == "STARTTLS" and mode == "plain":
        s.sendall(b"502 No such command\\r\\n")
    elif verb == "STARTTLS":
        # With an injected answer, which must not count after the handshake.
        s.sendall(b"220 Go ahead\\r\\n" + (b"250 evil\\r\\n" if mode == "inject" else b""))
        s = context.wrap_socket(s, server_side=True)
        lines = s.makefile("rb")
    elif verb == "RCPT" and mode == "reject":
        s.sendall(b"550-No such user\\r\\n550 here\\r\\n")
    elif verb == "DATA":
        s.sendall(b"354 Go on\\r\\n")
        while (line := lines.readline().decode()) != ".\\r\\n":
            assert line.endswith("\\r\\n"), line
            print(line[1:-2] if line.startswith(".") else line[:-2])
        s.sendall(b"250 Ok: queued as 1\\r\\n")
    elif verb == "QUIT":
        s.sendall(b"221 Bye\\r\\n")
        break
    else:
        s.sendall(b"250 Ok\\r\\n")
`;

function serve(mode: string): Program {
  return start(python(SERVER, certFile, keyFile, mode));
}

for (const runtime of runtimes) {
  const command = (port: string | number, ...more: string[]) =>
    commandOf(
      runtime,
      "smtp",
      ...[`--port=${port}`, `--ca=${caFile}`, "--hostname=127.0.0.1"],
      ...["--from=us@a.test", "--to=you@b.test", ...more],
    );

  /** Runs it with this mail as its standard input. */
  const piped = (
    mail: string,
    command: string[],
  ) => ["sh", "-c", 'printf %s "$0" | "$@"', mail, ...command];

  describe(`smtp.ts on ${runtime.name}`, () => {
    it("sends each line over TLS, dots included", options, async () => {
      await using server = serve("");
      const more = ["--to=c@d.test", "--subject", "Grüße"];
      const run = command(await server.line(), ...more);
      await using client = start(piped(MAIL.join("\n"), run));
      const { stdout, stderr } = await client.ended;
      assertEquals([stdout, stderr], ["Ok: queued as 1\n", ""]);
      const lines = (await server.ended).stdout.trimEnd().split("\n").slice(1);
      assertEquals(lines.slice(0, 7), [
        "EHLO [127.0.0.1]",
        "MAIL FROM:<us@a.test> BODY=8BITMIME",
        "RCPT TO:<you@b.test>",
        "RCPT TO:<c@d.test>",
        "DATA",
        "From: <us@a.test>",
        "To: <you@b.test>, <c@d.test>",
      ]);
      assertEquals(lines[7], "Subject: =?utf-8?B?R3LDvMOfZQ==?=");
      assertEquals(lines.slice(-MAIL.length - 2), ["", ...MAIL, "QUIT"]);
    });

    it("sends nothing in plain text, or to a stranger", options, async () => {
      const wrong: [mode: string, says: string, flags: string[]][] = [
        ["plain", "502", []],
        ["inject", "EPROTO", []],
        ["reject", "550", []],
        ["", "EPROTO", ["--hostname=127.0.0.1", `--ca=${certFile}`]],
        ["", "line break", ["--from=a@b.test>\r\nRCPT TO:<x@y.test"]],
      ];
      for (const [mode, says, flags] of wrong) {
        await using server = serve(mode);
        const run = command(await server.line(), ...flags);
        await assertFails(piped("secret", run), says);
        const { stdout } = await server.ended;
        assert(!stdout.includes("secret"), stdout);
      }
      await assertFails(commandOf(runtime, "smtp"), "--from");
    });

    it("sends mail to Postfix", {
      ...withPostfix,
      skip: withPostfix.skip || skip,
    }, async () => {
      await using server = await startPostfix();
      for (const size of [1, 10_000]) {
        const mail = "0123456789.\n".repeat(size);
        await using client = start(piped(mail, command(server.port)));
        const { stdout, stderr, status } = await client.ended;
        assertEquals([stderr, status], ["", 0]);
        assert(/^2\.0\.0 Ok: queued as \w+\n$/.test(stdout), stdout);
      }
    });
  });
}
