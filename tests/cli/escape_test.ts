// Control characters from arguments and peers do not reach the terminal.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { parley } from "../support/cli.ts";
import { options, signal, unixOnly } from "../support/examples.ts";
import { python, runtimes, start } from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]/;
const HOSTILE = "a\x1b[31m\x9b2J\r\u202e";
const SHOWN = "a\\x1b[31m\\x9b2J\\x0d\\u202e";

/** A TLS server whose certificate is valid for this name only. */
function certifiedAs(name: string): { command: string[]; folder: string } {
  assert(certificates !== undefined);
  const folder = mkdtempSync(join(tmpdir(), "parley-escape-"));
  writeFileSync(join(folder, "ext"), `subjectAltName=DNS:${name}\n`);
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder });
    if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  };
  openssl(
    ...["req", "-new", "-newkey", "ec", "-pkeyopt"],
    ...["ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"],
    ...["-keyout", "key.pem", "-out", "csr.pem"],
  );
  openssl(
    ...["x509", "-req", "-in", "csr.pem", "-extfile", "ext", "-days", "1"],
    ...["-CA", certificates.caFile, "-CAkey", certificates.caKeyFile],
    ...["-CAserial", "serial", "-CAcreateserial", "-out", "cert.pem"],
  );
  const command = python(
    `import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(args[0], args[1])
server = socket.create_server(("127.0.0.1", 0))
print("listening on tls 127.0.0.1:%d" % server.getsockname()[1], flush=True)
while True:
    try: context.wrap_socket(server.accept()[0], server_side=True)
    except OSError: pass`,
    join(folder, "cert.pem"),
    join(folder, "key.pem"),
  );
  return { command, folder };
}

function noOpenssl(): string | false {
  if (certificates !== undefined) return false;
  console.log("Skipped: certificates are made by openssl");
  return "needs openssl";
}

for (const runtime of runtimes) {
  describe(`parley on ${runtime.name} escapes`, () => {
    const complaint = async (...args: string[]) => {
      await using program = start(parley(runtime, ...args));
      const { stdout, stderr, status } = await program.ended;
      assert(status !== 0);
      assert(!CONTROL.test(stdout + stderr), JSON.stringify(stdout + stderr));
      assert(/^parley: [^\n]+\n$/.test(stderr), JSON.stringify(stderr));
      return stderr;
    };

    it("arguments", options, async () => {
      for (
        const args of [
          [HOSTILE],
          ["ping", HOSTILE],
          ["ping", `${HOSTILE}:7`],
          ["ping", "127.0.0.1:7", HOSTILE],
          ["echo", HOSTILE],
          ["echo", "--port", HOSTILE],
          ["echo", "--hostname", HOSTILE, "--port", "0"],
          ["greet", "--when", HOSTILE],
        ]
      ) {
        const said = await complaint(...args);
        assert(said.includes(SHOWN), `${args.join(" ")}: ${said}`);
      }
    });

    it("a TARGET's path", unixOnly, async () => {
      const said = await complaint("ping", `unix:/no/${HOSTILE}\nb`, "-c1");
      assert(said.includes(`unix:/no/${SHOWN}\\x0ab`), said);
    });

    it("a path in lines and in JSON", unixOnly, async () => {
      const path = `${pathOf()}${HOSTILE}`;
      await using server = start(parley(runtime, "echo", "--unix", path));
      const shown = `unix:${path.replace(HOSTILE, SHOWN)}`;
      assertEquals(await server.line(), `listening on ${shown}`);
      for (const format of [[], ["--json"]]) {
        const flags = ["ping", `unix:${path}`, "-c1", ...format];
        await using program = start(parley(runtime, ...flags));
        const { stdout, stderr, status } = await program.ended;
        assertEquals([stderr, status], ["", 0]);
        assert(!CONTROL.test(stdout), JSON.stringify(stdout));
        const text = format.length === 0 ? stdout : JSON.parse(stdout).target;
        assert(text.includes(shown), text);
      }
    });

    it("the names in a certificate", {
      ...options,
      skip: noOpenssl(),
    }, async () => {
      const { command, folder } = certifiedAs("evil\x1b[31mname\x07");
      try {
        await using server = start(command);
        const address = (await server.line()).replace(/.* /, "");
        const target = address.replace("127.0.0.1", "localhost");
        const flags = ["--ca", certificates!.caFile, "-c1"];
        const said = await complaint("ping", target, ...flags);
        assert(said.includes("(EPROTO)"), said);
        await using json = start(
          parley(runtime, "ping", target, ...flags, "--json"),
        );
        const { stdout } = await json.ended;
        assert(!CONTROL.test(stdout), JSON.stringify(stdout));
        const { error } = JSON.parse(stdout);
        assertEquals(`parley: ${error.message}\n`, said);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("the client's path in a PROXY header", unixOnly, async () => {
      const path = pathOf();
      const flags = ["--unix", path, "--proxy-protocol", "unix"];
      await using server = start(parley(runtime, "echo", ...flags));
      await server.line();
      await using conn = await connect({ transport: "unix", path });
      const header = new Uint8Array(16 + 216);
      header.set([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49]);
      header.set([0x54, 0x0a, 0x21, 0x31, 0, 216], 10);
      header.set(new TextEncoder().encode(`/${HOSTILE}\nforged`), 16);
      await conn.send(header);
      await conn.closeWrite();
      assertEquals(await conn.recv(), null);
      signal(server, "SIGTERM");
      const { stderr, status } = await server.ended;
      const [time] = stderr.split(" ", 1);
      assert(!Number.isNaN(Date.parse(time)), stderr);
      assertEquals(stderr, `${time} unix:/${SHOWN}\\x0aforged\n`);
      assertEquals(status, 0);
    });
  });
}
