// Clients that are closed before the handler, by other programs: ncat, openssl
// and Python. What `onReject` reports of them, and which end they meet.
import { it } from "node:test";
import {
  type Address,
  type Connection,
  formatAddress,
  serve,
  type Server,
  type SocketError,
  type TcpListenOptions,
  type TlsFailureReason,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { withPrograms } from "../support/peers.ts";
import { output, python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { until } from "../support/wait.ts";

type Rejection = [addr: Address, error: SocketError];

const echo = (conn: Connection) => conn.pipeTo(conn);

/** Serves, and collects who is rejected. */
async function serveAndCollect(
  options: Partial<TcpListenOptions> & {
    filter?: () => boolean;
    maxConnectionsPerHost?: number;
  },
): Promise<{ server: Server; port: number; next(): Promise<Rejection> }> {
  const rejects: Rejection[] = [];
  const onReject = (...rejection: Rejection) => void rejects.push(rejection);
  const server = await serve({ port: 0, onReject, ...options }, echo);
  return {
    server,
    port: server.addr.port,
    async next() {
      await until(() => rejects.length > 0);
      return rejects.shift()!;
    },
  };
}

/** A client that prints its address, sends, and prints which end it meets. */
const CLIENT = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
print("127.0.0.1:%d" % s.getsockname()[1])
try:
    s.sendall(bytes.fromhex(args[1]))
    if args[2] == "end":
        s.shutdown(socket.SHUT_WR)
    while data := s.recv(1000):
        pass
    print("an end")
except (ConnectionResetError, BrokenPipeError):
    print("a reset")
`;

async function runClient(
  port: number,
  says: string,
  end: "end" | "wait" = "wait",
): Promise<{ name: string; end: string }> {
  const bytes = [...new TextEncoder().encode(says)];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const printed = await output(python(CLIENT, port, hex, end));
  const [name, met] = printed.trim().split("\n");
  return { name, end: met };
}

const patience = { timeout: 30_000 };

it("Python is rejected by the filter and the limit", patience, async () => {
  const filtered = await serveAndCollect({ filter: () => false });
  await using _filtered = filtered.server;
  const { name } = await runClient(filtered.port, "");
  const [addr, error] = await filtered.next();
  assertEquals([formatAddress(addr), error.code], [name, "EACCES"]);

  const limited = await serveAndCollect({ maxConnectionsPerHost: 1 });
  await using _limited = limited.server;
  const holder = "s = socket.create_connection(('127.0.0.1', int(args[0])))\n" +
    "s.sendall(b'in')\nprint(s.recv(2) == b'in', flush=True)\n" +
    "sys.stdin.read()";
  await using held = start(python(holder, limited.port));
  assertEquals(await held.line(), "True");
  const second = await runClient(limited.port, "");
  const [from, why] = await limited.next();
  assertEquals([formatAddress(from), why.code], [second.name, "EAGAIN"]);
  assertEquals(limited.server.stats().rejected, 1);
});

it("Python is rejected for its PROXY header", patience, async () => {
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
  const trusting = await serveAndCollect({ proxyProtocol });
  await using _trusting = trusting.server;
  const cases: [string, "end" | "wait", RegExp][] = [
    ["GET / HTTP/1.0\r\n\r\n", "wait", /malformed/],
    ["PROXY TCP4 203.0.113.300 198.51.100.1 1 2\r\n", "wait", /malformed/],
    ["PROXY TCP4 203.0", "end", /ended before/],
    ["", "end", /ended before/],
  ];
  for (const [says, end, text] of cases) {
    const { name } = await runClient(trusting.port, says, end);
    const [addr, error] = await trusting.next();
    assertEquals([formatAddress(addr), error.code], [name, "EPROTO"]);
    assert(text.test(error.message), error.message);
  }
  assertEquals(trusting.server.stats().rejected, cases.length);
  const other = await serveAndCollect({
    proxyProtocol: { trustedProxies: ["192.0.2.1"] },
  });
  await using _other = other.server;
  const header = "PROXY TCP4 203.0.113.7 198.51.100.1 1 2\r\n";
  const { name } = await runClient(other.port, header);
  const [addr, error] = await other.next();
  // By its own address, whatever it claims.
  assertEquals([formatAddress(addr), error.code], [name, "EACCES"]);
});

it(
  "ncat without TLS is rejected",
  withPrograms("ncat", "openssl"),
  async () => {
    const { server, port, next } = await serveAndCollect({
      tls: certificates!.server,
    });
    await using _server = server;
    await using client = start(["ncat", "127.0.0.1", `${port}`]);
    client.process.stdin?.end("GET / HTTP/1.0\r\n\r\n");
    const [, error] = await next();
    assertEquals([error.code, error.reason], ["EPROTO", "not-tls"]);
    await client.ended;
  },
);

testTls("openssl s_client is rejected with a reason", async (made) => {
  const tls = {
    ...made.server,
    alpnProtocols: ["parley"],
    clientAuth: "require" as const,
    caCerts: [made.ca],
  };
  const { server, port, next } = await serveAndCollect({ tls });
  await using _server = server;
  const own = ["-cert", made.strangerCertFile, "-key", made.strangerKeyFile];
  const cases: [TlsFailureReason, string, string[]][] = [
    ["alpn", "no application protocol", [...own, "-alpn", "h2"]],
    ["no-client-certificate", "certificate required", ["-alpn", "parley"]],
    // Its own verification fails, of which it sends an alert.
    ["handshake", "", [...own, "-verify_hostname", "other.test"]],
    ["handshake", "", [...own, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]],
  ];
  for (const [reason, alert, args] of cases) {
    await using client = start([
      ...["openssl", "s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof"],
      ...["-verify_return_error", "-CAfile", made.caFile, ...args],
    ]);
    const [, error] = await next();
    assertEquals([error.code, error.reason], ["EPROTO", reason], args.join());
    const { stderr } = await client.ended;
    assert(stderr.includes(alert), stderr);
  }
  assertEquals(server.stats().rejected, cases.length);
  assertEquals(server.stats().accepted, 0);
});
