// TLS with other programs: `openssl s_client`, Python's `ssl` at either end.
import { connect, type Connection, listen } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import type { Certificates } from "../support/certificates.ts";
import { type Program, python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";

testTls("openssl s_client talks to a listener", async (made) => {
  const tls = { ...made.server, alpnProtocols: ["parley"] };
  await using listener = await listen({ port: 0, tls });
  await using client = start([
    ...["openssl", "s_client", "-quiet", "-no_ign_eof"],
    "-verify_return_error",
    ...["-connect", `127.0.0.1:${listener.addr.port}`, "-alpn", "parley"],
    ...["-CAfile", made.caFile, "-verify_hostname", "localhost"],
  ]);
  await using server = await listener.accept();
  assertEquals(server.tls?.alpnProtocol, "parley");
  client.process.stdin?.write("hello\n");
  assertEquals(text(await server.recv()), "hello\n");
  await server.send("and to you\n");
  assertEquals(await client.line(), "and to you");
  client.process.stdin?.end();
  assertEquals(await server.recv(), null);
  await server.close();
  const { status, stderr } = await client.ended;
  assertEquals(status, 0, stderr);
});

for (const version of ["TLSv1_2", "TLSv1_3"]) {
  testTls(`Python half-closes ${version} by unwrap`, async (made) => {
    await using listener = await listen({ port: 0, tls: made.server });
    const script = `
import ssl
context = ssl.create_default_context(cafile=args[1])
context.minimum_version = context.maximum_version = ssl.TLSVersion[args[2]]
raw = socket.create_connection(("127.0.0.1", int(args[0])))
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
def flush():
    if outgoing.pending:
        raw.sendall(outgoing.read())
def until_done(act):
    while True:
        try:
            return act()
        except ssl.SSLWantReadError:
            flush()
            data = raw.recv(65536)
            incoming.write(data) if data else incoming.write_eof()
until_done(tls.do_handshake)
tls.write(b"question")
try:
    tls.unwrap()
except ssl.SSLWantReadError:
    pass
flush()
answer = bytearray()
try:
    while data := until_done(lambda: tls.read(65536)):
        answer += data
except ssl.SSLZeroReturnError:
    pass
print(len(answer), set(answer) == {120})
`;
    const args = [listener.addr.port, made.caFile, version];
    await using client = start(python(script, ...args));
    await using server = await listener.accept();
    assertEquals(text(await recvAll(server)), "question");
    await server.send("x".repeat(3_000_000));
    await server.closeWrite();
    assertEquals(await client.line(), "3000000 True");
  });
}

/** A server by Python: `conn` is its one client, after the handshake. */
function pythonServer(made: Certificates, act: string): string[] {
  const script = `
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(args[0], args[1])
context.set_alpn_protocols(["parley"])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
conn = context.wrap_socket(listener.accept()[0], server_side=True)
${act}`;
  return python(script, made.certFile, made.keyFile);
}

testTls("a connect reaches Python's ssl", async (made) => {
  await using server = start(pythonServer(
    made,
    `
while data := conn.recv(65536):
    conn.sendall(data)
conn.unwrap()
`,
  ));
  const port = Number(await server.line());
  const tls = { caCerts: [made.ca], alpnProtocols: ["h2", "parley"] };
  await using conn = await connect({ port, tls });
  assertEquals(conn.tls?.alpnProtocol, "parley");
  const bytes = pattern(1_000_000);
  const sent = conn.send(bytes);
  assertSameBytes(await recvExactly(conn, bytes.length), bytes);
  await sent;
  await conn.closeWrite();
  assertEquals(await conn.recv(), null);
  assertEquals((await server.ended).stderr, "");
});

/** A FIN without a close_notify ends the peer's side, and no more than that. */
async function assertEnd(conn: Connection, peer: Program): Promise<void> {
  assertEquals(text(await recvExactly(conn, 4)), "half");
  assertEquals(await conn.recv(), null);
  await conn.send("still here");
  assertEquals(await peer.line(), "True");
}

const CUT = `
conn.recv(1)
conn.sendall(b"half")
raw = socket.socket(fileno=conn.detach())
raw.shutdown(socket.SHUT_WR)
print(len(raw.recv(65536)) > 10, flush=True)
sys.stdin.read()
`;

testTls("a server's FIN without close_notify", async (made) => {
  await using server = start(pythonServer(made, CUT));
  const port = Number(await server.line());
  await using conn = await connect({ port, tls: { caCerts: [made.ca] } });
  await conn.send("?");
  await assertEnd(conn, server);
});

testTls("a client's FIN without close_notify", async (made) => {
  await using listener = await listen({ port: 0, tls: made.server });
  const script = `
import ssl
conn = socket.create_connection(("127.0.0.1", int(args[0])))
context = ssl.create_default_context(cafile=args[1])
conn = context.wrap_socket(conn, server_hostname="localhost")
${CUT}`;
  await using client = start(
    python(script, listener.addr.port, made.caFile),
  );
  await using conn = await listener.accept();
  await conn.send("?");
  await assertEnd(conn, client);
});
