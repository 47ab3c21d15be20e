// What `listen` promises over TLS: finished handshakes, whatever comes beside
// them, and an orderly refusal of certificates that are none.
import { connect, type Connection, listen } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { type Certificates, certificates } from "../support/certificates.ts";
import { python, start } from "../support/programs.ts";
import { join, testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

/** The head of a ClientHello, and no more of it. */
const HALF_A_HELLO = Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3);

/** A client that never finishes its handshake. */
async function stray(
  kind: "silent" | "junk" | "half" | "cut" | "gone",
  port: number,
): Promise<Connection> {
  const conn = await connect({ port });
  if (kind === "junk") await conn.send("GET / HTTP/1.1\r\n\r\n");
  if (kind === "half" || kind === "cut") await conn.send(HALF_A_HELLO);
  if (kind === "cut") await conn.closeWrite();
  if (kind === "gone") await conn.close();
  return conn;
}

/**
 * What becomes of a client that is silent until it is cut, or longer than the
 * deadline of 10 s, and only then shakes hands. Takes so long that it starts
 * before the other tests.
 */
async function overslept({ ca, caFile, server }: Certificates): Promise<
  { cut: boolean; seconds: number; first: string }
> {
  const script = `
import select, ssl, time
started = time.monotonic()
conn = socket.create_connection(("127.0.0.1", int(args[0])))
cut = bool(select.select([conn], [], [], 15)[0])
print(cut, time.monotonic() - started, flush=True)
conn.settimeout(2)
try:
    context = ssl.create_default_context(cafile=args[1])
    conn = context.wrap_socket(conn, server_hostname="127.0.0.1")
    conn.sendall(b"late")
except OSError:
    pass
print("over", flush=True)
sys.stdin.read()
`;
  await using listener = await listen({ port: 0, tls: server });
  const { port } = listener.addr;
  await using sleeper = start(python(script, port, caFile));
  const [cut, seconds] = (await sleeper.line()).split(" ");
  await sleeper.line();
  const [client, accepted] = await join(listener, { caCerts: [ca] });
  await client.send("in time");
  const first = text(await accepted.recv());
  await Promise.all([client.close(), accepted.close()]);
  return { cut: cut === "True", seconds: Number(seconds), first };
}

const oversleeping = certificates && overslept(certificates);
// The test that awaits it reports it.
oversleeping?.catch(() => {});

testTls("only finished handshakes are handed out", async ({ ca, server }) => {
  await using listener = await listen({ port: 0, tls: server });
  await using _silent = await stray("silent", listener.addr.port);
  const [client, accepted] = await join(listener, { caCerts: [ca] });
  assertEquals(accepted.remoteAddr, client.localAddr);
  await Promise.all([client.close(), accepted.close()]);
});

testTls("strays neither delay nor end the others", async ({ ca, server }) => {
  await using listener = await listen({ port: 0, tls: server });
  const { port } = listener.addr;
  const [before, served] = await join(listener, { caCerts: [ca] });
  const strays: Connection[] = [];
  const started = performance.now();
  for (const kind of ["silent", "junk", "half", "cut", "gone"] as const) {
    for (let i = 0; i < 10; i++) {
      strays.push(await stray(kind, port));
      const [client, accepted] = await join(listener, { caCerts: [ca] });
      assertEquals(accepted.remoteAddr, client.localAddr);
      await client.send(`after ${kind}`);
      assertEquals(text(await accepted.recv()), `after ${kind}`);
      await Promise.all([client.close(), accepted.close()]);
    }
  }
  const took = performance.now() - started;
  assert(took < 5000, `${took} ms, the deadline of a stray is 10,000`);
  await before.send("still here");
  assertEquals(text(await served.recv()), "still here");
  for (const conn of [before, served, ...strays]) await conn.close();
});

testTls("strays take no place in the backlog", async ({ ca, server }) => {
  await using listener = await listen({ port: 0, tls: server, backlog: 1 });
  const strays: Connection[] = [];
  for (let i = 0; i < 3; i++) {
    strays.push(await stray("silent", listener.addr.port));
  }
  const started = performance.now();
  const [client, accepted] = await join(listener, { caCerts: [ca] });
  const took = performance.now() - started;
  for (const conn of [client, accepted, ...strays]) await conn.close();
  assert(took < 5000, `${took} ms, the deadline of a stray is 10,000`);
});

testTls("junk and cuts are ended at once", async ({ server }) => {
  await using listener = await listen({ port: 0, tls: server });
  for (const kind of ["junk", "cut"] as const) {
    await using conn = await stray(kind, listener.addr.port);
    await recvAll(conn).catch(({ code }) => assertEquals(code, "ECONNRESET"));
  }
});

testTls("close ends handshakes under way", async ({ ca, server }) => {
  const listener = await listen({ port: 0, tls: server });
  const { port } = listener.addr;
  await using silent = await stray("silent", port);
  // Accepts come in order, so by then the silent one has been taken.
  const [client, accepted] = await join(listener, { caCerts: [ca] });
  await listener.close();
  await client.send("alive");
  assertEquals(text(await accepted.recv()), "alive");
  await Promise.all([client.close(), accepted.close()]);
  await recvAll(silent).catch(({ code }) => assertEquals(code, "ECONNRESET"));
});

testTls("100 handshakes at once succeed", async ({ ca, server }) => {
  await using listener = await listen({ port: 0, tls: server });
  const { port } = listener.addr;
  const clients = await Promise.all(
    Array.from(
      { length: 100 },
      () => connect({ port, tls: { caCerts: [ca] } }),
    ),
  );
  await Promise.all(clients.map((conn, i) => conn.send(`I am ${i}`)));
  const said = new Set<string>();
  for (const _ of clients) {
    await using conn = await listener.accept();
    said.add(text(await conn.recv()));
  }
  assertEquals(said, new Set(clients.map((_, i) => `I am ${i}`)));
  for (const conn of clients) await conn.close();
});

testTls("close delivers what was sent, unread as the peer is", async (made) => {
  await using listener = await listen({ port: 0, tls: made.server });
  const bytes = pattern(1024 * 1024);
  const [client, server] = await join(listener, { caCerts: [made.ca] });
  // The client has read nothing: no session ticket of the server's either.
  await client.send(bytes);
  await client.close();
  assertSameBytes(await recvAll(server), bytes);
  await server.close();
  const [reader, sender] = await join(listener, { caCerts: [made.ca] });
  await sender.send(bytes);
  await sender.close();
  assertSameBytes(await recvAll(reader), bytes);
  await reader.close();
});

testTls("ALPN agrees on what the server prefers", async ({ ca, server }) => {
  const cases: [string[]?, string[]?, string?][] = [
    [["parley", "h2"], ["h2", "parley"], "parley"],
    [["h2"], ["parley", "h2"], "h2"],
    [["h2"], undefined, undefined],
    [undefined, ["h2"], undefined],
    [[], [], undefined],
  ];
  for (const [ours, theirs, agreed] of cases) {
    const tls = { ...server, alpnProtocols: ours };
    await using listener = await listen({ port: 0, tls });
    const asked = { caCerts: [ca], alpnProtocols: theirs };
    const [client, accepted] = await join(listener, asked);
    assertEquals(client.tls?.alpnProtocol, agreed);
    assertEquals(accepted.tls?.alpnProtocol, agreed);
    await Promise.all([client.close(), accepted.close()]);
  }
});

testTls("no ALPN protocol in common is EPROTO", async ({ ca, server }) => {
  const tls = { ...server, alpnProtocols: ["h2"] };
  await using listener = await listen({ port: 0, tls });
  const { port } = listener.addr;
  const other = { caCerts: [ca], alpnProtocols: ["parley"] };
  const { message, reason } = await assertRejectsWith(
    "EPROTO",
    () => connect({ port, tls: other }),
  );
  assertEquals(reason, "alpn");
  assert(/check their alpnProtocols/.test(message), message);
});

testTls(
  "ALPN names are 1 to 255 characters of ASCII",
  async ({ ca, server }) => {
    await using listener = await listen({ port: 0, tls: server });
    const { port } = listener.addr;
    for (const name of ["", "x".repeat(256), "é", "a b"]) {
      const alpnProtocols = ["h2", name];
      await assertRejects(
        () => listen({ port: 0, tls: { ...server, alpnProtocols } }),
        TypeError,
      );
      await assertRejects(
        () => connect({ port, tls: { caCerts: [ca], alpnProtocols } }),
        TypeError,
      );
    }
  },
);

/** Asserts that `listen` refuses, and leaves the port free. */
async function assertListenRejects(
  tls: unknown,
  refuses: (act: () => Promise<unknown>) => Promise<Error>,
): Promise<void> {
  const free = await listen({ port: 0 });
  const { port } = free.addr;
  await free.close();
  // As a caller without types may.
  const options: { port: number } = Object.assign({ port }, { tls });
  const error = await refuses(() => listen(options));
  assert(!error.message.includes("PRIVATE KEY"), error.message);
  assert(
    error instanceof TypeError || /is of no use/.test(error.message),
    error.message,
  );
  await using _again = await listen({ port });
}

testTls("what is not PEM is a TypeError", async ({ server }) => {
  const { cert, key } = server;
  const wrong = [
    ...[null, true, {}, { cert }, { key }],
    ...["", "not PEM", null, 1, new TextEncoder().encode(key)].flatMap(
      (value) => [{ cert: value, key }, { cert, key: value }],
    ),
    { cert: key, key: cert },
  ];
  for (const tls of wrong) {
    await assertListenRejects(tls, (act) => assertRejects(act, TypeError));
  }
});

testTls("a key of another certificate is EPROTO", async (made) => {
  const tls = { cert: made.server.cert, key: made.stranger.key };
  await assertListenRejects(tls, (act) => assertRejectsWith("EPROTO", act));
});

testTls("a certificate and its key share a PEM, in any order", async (made) => {
  const { ca, server: { cert, key } } = made;
  for (const pem of [`${cert}\n${key}`, `${key}\n${cert}`]) {
    await using listener = await listen({
      port: 0,
      tls: { cert: pem, key: pem },
    });
    const tls = { caCerts: [key + ca] };
    const [client, server] = await join(listener, tls);
    await Promise.all([client.close(), server.close()]);
  }
});

testTls("garbage in PEM armour is EPROTO", async ({ server }) => {
  const { cert, key } = server;
  const spoil = (pem: string) =>
    pem.replace(/(-----BEGIN [^-]+-----\n)[^-]+/, "$1bm8gbm8gbm8=\n");
  for (
    const tls of [
      { cert: spoil(cert), key },
      { cert, key: spoil(key) },
      { cert: spoil(cert), key: spoil(key) },
      { cert, key: cert },
    ]
  ) await assertListenRejects(tls, (act) => assertRejectsWith("EPROTO", act));
});

testTls("keepAlive goes with TLS", async ({ ca, server }) => {
  await using listener = await listen({
    port: 0,
    tls: server,
    keepAlive: true,
  });
  const [client, accepted] = await join(listener, { caCerts: [ca] });
  assertEquals(portOf(accepted.localAddr), listener.addr.port);
  await Promise.all([client.close(), accepted.close()]);
});

testTls("a handshake has 10 seconds", async () => {
  const end = await oversleeping;
  assertEquals(end?.first, "in time");
  assert(end?.cut && end.seconds > 9.5, `Cut after ${end?.seconds} s`);
});
