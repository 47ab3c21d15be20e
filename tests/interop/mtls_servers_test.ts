// Client certificates and names: our `connect` with the servers
// `openssl s_server` and Python's `ssl`, which demand a certificate.
import {
  connect,
  type Connection,
  SocketError,
  type TlsConnectOptions,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import type { Certificates, Identity } from "../support/certificates.ts";
import { type Program, python, start } from "../support/programs.ts";
import { identityFile, testTls, toPem } from "../support/tls.ts";
import { until } from "../support/wait.ts";

/** On Bun a connect that can be aborted is made in another way. */
const WAYS = [{}, { signal: new AbortController().signal }];

interface Peer {
  program: Program;
  port: number;
}

/** Starts a server of each kind, which has a second certificate by name. */
const SERVERS: Record<
  string,
  (made: Certificates, version: "tls1_2" | "tls1_3") => Promise<Peer>
> = {
  /** It sends each line back in reverse. */
  async "openssl s_server"(made, version) {
    const program = start([
      ...["openssl", "s_server", "-accept", "127.0.0.1:0", `-${version}`],
      ...["-cert", made.certFile, "-key", made.keyFile, "-rev"],
      ...["-servername", "stranger.invalid", "-cert2", made.strangerCertFile],
      ...["-key2", made.strangerKeyFile, "-CAfile", made.caFile],
      ...["-Verify", "1", "-verify_return_error"],
    ]);
    for (;;) {
      const found = /^ACCEPT .*:(\d+)$/.exec(await program.line());
      if (found !== null) return { program, port: Number(found[1]) };
    }
  },
  async "Python's ssl"(made, version) {
    const script = `
import ssl
version = ssl.TLSVersion[args[4]]
def server(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(cert, key)
    context.load_verify_locations(args[2])
    context.verify_mode = ssl.CERT_REQUIRED
    return context
context = server(args[0], args[1])
other = server(args[3], args[3])
def choose(conn, name, _):
    if name == "stranger.invalid":
        conn.context = other
context.sni_callback = choose
listener = socket.create_server(("127.0.0.1", 0))
print("ACCEPT", listener.getsockname()[1], flush=True)
while True:
    try:
        conn = context.wrap_socket(listener.accept()[0], server_side=True)
        subject = dict(pair[0] for pair in conn.getpeercert()["subject"])
        print("Peer certificate: CN =", subject["commonName"], file=sys.stderr)
        line = conn.recv(100)
        conn.sendall(line.strip()[::-1] + b"\\n")
        conn.recv(1)
        conn.close()
    except OSError as error:
        pass
`;
    const files = [made.certFile, made.keyFile, made.caFile];
    const other = identityFile(made.stranger);
    const name = version === "tls1_2" ? "TLSv1_2" : "TLSv1_3";
    const program = start(python(script, ...files, other, name));
    return { program, port: Number((await program.line()).split(" ")[1]) };
  },
};

/** Asserts that the server shows its certificate, and answers. */
async function assertServed(conn: Connection, shown: Identity): Promise<void> {
  const der = conn.tls?.peerCertificate;
  assertEquals(der && toPem(der), shown.cert.trim());
  await conn.send("hello\n");
  assertEquals(text(await conn.recvUntil("\n")), "olleh\n");
  await conn.closeWrite();
}

/** Returns how the server refuses a client: in `connect`, or after it. */
async function refusal(
  port: number,
  tls: TlsConnectOptions,
  way: typeof WAYS[number],
): Promise<SocketError> {
  try {
    await using conn = await connect({ port, tls, ...way });
    const data = await conn.recv();
    throw new Error(`Got ${data && text(data)}`);
  } catch (error) {
    if (error instanceof SocketError) return error;
    throw error;
  }
}

for (const [kind, startServer] of Object.entries(SERVERS)) {
  for (const version of ["tls1_2", "tls1_3"] as const) {
    testTls(`${kind} asks for a certificate by ${version}`, async (made) => {
      const { ca, server, stranger } = made;
      const peer = await startServer(made, version);
      await using program = peer.program;
      const { port } = peer;
      const own = { caCerts: [ca], ...stranger };
      let log = "";
      program.process.stderr?.on("data", (data) => log += data);
      const names = () => log.match(/^Peer certificate: .*$/gm) ?? [];
      for (const way of WAYS) {
        for (
          const [serverName, identity] of [
            ["localhost", server],
            ["stranger.invalid", stranger],
          ] as const
        ) {
          const tls = { ...own, serverName };
          await using conn = await connect({ port, tls, ...way });
          assertEquals(conn.tls?.serverName, serverName);
          await assertServed(conn, identity);
        }
      }
      await until(() => names().length === 4);
      assertEquals([...new Set(names())], ["Peer certificate: CN = stranger"]);
    });

    testTls(`${kind} refuses certificates by ${version}`, async (made) => {
      const peer = await startServer(made, version);
      await using _program = peer.program;
      const { ca, foreign, expired, selfSigned } = made;
      for (const way of WAYS) {
        // TLS 1.2 has no alert of its own for it.
        const none = version === "tls1_2"
          ? "handshake"
          : "no-client-certificate";
        const tls = { caCerts: [ca] };
        const error = await refusal(peer.port, tls, way);
        assertEquals([error.code, error.reason], ["EPROTO", none]);
        for (const identity of [foreign, expired, selfSigned]) {
          const error = await refusal(peer.port, { ...tls, ...identity }, way);
          assertEquals([error.code, error.reason], ["EPROTO", "handshake"]);
          const call = version === "tls1_2" ? "connect" : "receive";
          assert(error.message.startsWith(`Cannot ${call}`), error.message);
        }
      }
    });
  }
}
