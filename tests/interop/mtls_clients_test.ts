// Client certificates and names: our listener with `openssl s_client` and
// Python's `ssl` as clients, also with those that resume a session.
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type Connection,
  serve,
  type SocketError,
  type TlsFailureReason,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import type { Certificates, Identity } from "../support/certificates.ts";
import { folder } from "../support/folder.ts";
import { onBun, onDeno } from "../support/platform.ts";
import { output, python, start } from "../support/programs.ts";
import { identityFile, testTls, toPem } from "../support/tls.ts";
import { until } from "../support/wait.ts";

/** On Bun a listener with `sni` shakes hands in another way. */
const WAYS = ["cert", "sni"] as const;
const AUTH = ["require", "request"] as const;
const VERSIONS = ["tls1_2", "tls1_3"] as const;

const serverName = "stranger.invalid";

interface Served extends AsyncDisposable {
  port: number;
  rejects: SocketError[];
}

/** Serves its clients what it knows of them. */
async function serveAnswers(
  { ca, server, stranger }: Certificates,
  clientAuth: "require" | "request",
  way: typeof WAYS[number],
  caCerts = [ca],
): Promise<Served> {
  const rejects: SocketError[] = [];
  const sni = (name: string) => name === serverName ? stranger : undefined;
  const tls = { ...server, clientAuth, caCerts, ...(way === "sni" && { sni }) };
  const options = {
    port: 0,
    tls,
    onReject: (_: unknown, error: SocketError) => void rejects.push(error),
  };
  const answer = ({ tls }: Connection): string => {
    const der = tls?.peerCertificate;
    const isStranger = der && toPem(der) === stranger.cert.trim();
    const who = isStranger ? "stranger" : der ? "somebody" : "nobody";
    return `${who} asks ${tls?.serverName} by ${tls?.protocol}`;
  };
  const running = await serve(options, async (conn) => {
    await conn.send(`<${answer(conn)}>\n`);
  });
  const end = () => running[Symbol.asyncDispose]();
  return { port: running.addr.port, rejects, [Symbol.asyncDispose]: end };
}

/** Alerts of a server that misses a certificate; rustls has that of TLS 1.3. */
const REFUSALS = { tls1_2: [40, 116], tls1_3: [116] };

/** Certificates to refuse, and why. */
function flawed(made: Certificates): [TlsFailureReason, Identity][] {
  return [
    ["unknown-ca", made.foreign],
    ["unknown-ca", made.selfSigned],
    ["expired", made.expired],
    ["expired", made.early],
  ];
}

async function assertRejected(
  rejects: SocketError[],
  reason: TlsFailureReason,
): Promise<void> {
  await until(() => rejects.length > 0);
  const [{ code, reason: found }] = rejects.splice(0, 1);
  assertEquals([code, found], ["EPROTO", reason]);
}

let sessions = 0;

function sessionFile(): string {
  return join(folder, `session${++sessions}`);
}

interface Session {
  /** The server's answer, if it let the client in. */
  answer: string | undefined;
  isReused: boolean;
  /** The number of the alert that the client got. */
  alert: string | undefined;
}

/** Connects by `openssl s_client`, and waits for its end. */
async function ask(
  { port }: Served,
  { caFile }: Certificates,
  name: string,
  ...args: string[]
): Promise<Session> {
  await using client = start([
    ...["openssl", "s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof"],
    ...["-CAfile", caFile, "-verify_return_error", "-verify_hostname", name],
    ...["-servername", name, ...args],
  ]);
  const { stdout, stderr } = await client.ended;
  return {
    answer: /<(\w+ asks .*)>/.exec(stdout)?.[1],
    isReused: /^Reused, /m.test(stdout),
    alert: /SSL alert number (\d+)/.exec(stderr)?.[1],
  };
}

for (const version of VERSIONS) {
  const protocol = version === "tls1_2" ? "TLSv1.2" : "TLSv1.3";

  for (const clientAuth of AUTH) {
    testTls(`s_client by ${version}, ${clientAuth}`, async (made) => {
      const own = ["-cert", identityFile(made.stranger)];
      for (const way of WAYS) {
        await using served = await serveAnswers(made, clientAuth, way);
        const { rejects } = served;
        const name = way === "sni" ? serverName : "localhost";
        const askBy = (...args: string[]) =>
          ask(served, made, name, `-${version}`, ...args);
        const hello = `stranger asks ${name} by ${protocol}`;
        const file = sessionFile();
        const first = await askBy(...own, "-sess_out", file);
        assertEquals(first.answer, hello);
        // Node's OpenSSL hides the name of a resumed session of TLS 1.2.
        const isNameless = version === "tls1_2" && !onBun && !onDeno;
        const again = isNameless
          ? `stranger asks undefined by ${protocol}`
          : hello;
        for (const identity of [own, []]) {
          const resumed = await askBy(...identity, "-sess_in", file);
          assertEquals(resumed, {
            answer: again,
            isReused: true,
            alert: undefined,
          });
        }
        assertEquals(rejects, []);
        const without = await askBy();
        if (clientAuth === "request") {
          assertEquals(without.answer, `nobody asks ${name} by ${protocol}`);
        } else {
          assertEquals(without.answer, undefined);
          assert(REFUSALS[version].includes(Number(without.alert)));
          await assertRejected(rejects, "no-client-certificate");
        }
      }
    });

    testTls(`s_client refused by ${version}, ${clientAuth}`, async (made) => {
      for (const way of WAYS) {
        await using served = await serveAnswers(made, clientAuth, way);
        const { rejects } = served;
        const askBy = (...args: string[]) =>
          ask(served, made, "localhost", `-${version}`, ...args);
        for (const [reason, identity] of flawed(made)) {
          const file = sessionFile();
          const cert = ["-cert", identityFile(identity)];
          const first = await askBy(...cert, "-sess_out", file);
          assertEquals(first.answer, undefined, reason);
          await assertRejected(rejects, reason);
          // With the ticket that it got before it was refused.
          if (!existsSync(file)) continue;
          const again = await askBy(...cert, "-sess_in", file);
          assertEquals(again.answer, undefined, `resumed, ${reason}`);
          await assertRejected(rejects, reason);
        }
      }
    });
  }

  testTls(`a session of another listener, ${version}`, async (made) => {
    const { ca, otherCa, foreign, stranger } = made;
    for (const way of WAYS) {
      await using open = await serveAnswers(made, "request", way, [
        ca,
        otherCa,
      ]);
      await using strict = await serveAnswers(made, "require", way);
      const askBy = (to: Served, ...args: string[]) =>
        ask(to, made, "localhost", `-${version}`, ...args);
      for (const identity of [undefined, foreign]) {
        const file = sessionFile();
        const cert = identity ? ["-cert", identityFile(identity)] : [];
        const welcome = await askBy(open, ...cert, "-sess_out", file);
        assert(welcome.answer !== undefined);
        const refused = await askBy(strict, "-sess_in", file);
        assertEquals(refused.answer, undefined);
        await until(() => strict.rejects.length > 0);
        strict.rejects.splice(0);
      }
      // One that this listener, too, has verified.
      const own = ["-cert", identityFile(stranger)];
      const file = sessionFile();
      await askBy(strict, ...own);
      await askBy(open, ...own, "-sess_out", file);
      const known = await askBy(strict, ...own, "-sess_in", file);
      assert(known.answer?.startsWith("stranger asks"), known.answer);
      assertEquals(strict.rejects, []);
    }
  });
}

/** Python's clients: `ask` connects, and returns what came of it. */
const PYTHON = `
import ssl
port, ca, version = int(args[0]), args[1], ssl.TLSVersion[args[2]]
def client(cert=None):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = version
    if cert:
        context.load_cert_chain(cert)
    return context
sessions = []
def ask(context, name, session=None):
    try:
        with socket.create_connection(("127.0.0.1", port)) as raw:
            conn = context.wrap_socket(raw, server_hostname=name,
                session=session, suppress_ragged_eofs=False)
            answer = b""
            while data := conn.recv(1000):
                answer += data
            sessions.append(conn.session)
            subject = dict(pair[0] for pair in conn.getpeercert()["subject"])
            reused = "again" if conn.session_reused else "anew"
            return f"{subject['commonName']} {reused} {answer.decode().strip()}"
    except ssl.SSLError as error:
        return error.reason or "reset"
    except ConnectionResetError:
        return "reset"
`;

for (const protocol of ["TLSv1.2", "TLSv1.3"]) {
  const version = protocol.replace(".", "_");

  testTls(`Python's ssl by ${protocol}`, async (made) => {
    for (const clientAuth of AUTH) {
      await using served = await serveAnswers(made, clientAuth, "sni");
      const script = `${PYTHON}
own = client(args[3])
print(ask(own, "localhost"))
print(ask(own, "stranger.invalid"))
print(ask(own, "stranger.invalid", sessions[-1]))
print(ask(client(), "localhost"))
for file in args[4:]:
    print(ask(client(file), "localhost"))
`;
      const own = identityFile(made.stranger);
      const wrong = flawed(made).map(([, identity]) => identityFile(identity));
      const files = [made.caFile, version, own, ...wrong];
      const lines = (await output(python(script, served.port, ...files)))
        .trim().split("\n");
      const nameless = protocol === "TLSv1.2" && !onBun && !onDeno;
      assertEquals(lines.slice(0, 3), [
        `server anew <stranger asks localhost by ${protocol}>`,
        `stranger anew <stranger asks ${serverName} by ${protocol}>`,
        `stranger again <stranger asks ${
          nameless ? undefined : serverName
        } by ${protocol}>`,
      ]);
      const [without, ...refused] = lines.slice(3);
      if (clientAuth === "request") {
        assertEquals(
          without,
          `server anew <nobody asks localhost by ${protocol}>`,
        );
      } else {
        const alerts = [
          "TLSV13_ALERT_CERTIFICATE_REQUIRED",
          "SSLV3_ALERT_HANDSHAKE_FAILURE",
        ];
        assert(alerts.includes(without), without);
        await assertRejected(served.rejects, "no-client-certificate");
      }
      assertEquals(refused.length, wrong.length);
      for (const [i, [reason]] of flawed(made).entries()) {
        const ends = ["UNEXPECTED_EOF_WHILE_READING", "reset"];
        assert(ends.includes(refused[i]), `${reason}: ${refused[i]}`);
        await assertRejected(served.rejects, reason);
      }
    }
  });
}
