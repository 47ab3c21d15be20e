// Which peers `connect` over TLS trusts: those that are verified, no others.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  connect,
  listen,
  type Listener,
  type NetAddress,
  type TcpConnectOptions,
  type TlsConnectOptions,
  type TlsFailureReason,
} from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import type { Identity } from "../support/certificates.ts";
import { folder } from "../support/folder.ts";
import { type Program, python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";

/** On Bun a connect that can be aborted is made in another way. */
const WAYS = [{}, { signal: new AbortController().signal }];

/** Connects, and shows that bytes pass. */
async function reaches(
  listener: Listener<NetAddress>,
  options: Omit<TcpConnectOptions, "port">,
): Promise<void> {
  for (const way of WAYS) {
    const [client, server] = await Promise.all([
      connect({ ...options, ...way, port: listener.addr.port }),
      listener.accept(),
    ]);
    await client.send("hello");
    assertEquals(text(await server.recv()), "hello");
    await Promise.all([client.close(), server.close()]);
  }
}

/** What the message says to do. */
const REMEDIES: Partial<Record<TlsFailureReason, RegExp>> = {
  "unknown-ca": /add the authority's to caCerts/,
  "wrong-name": /check hostname and serverName/,
  expired: /renew it or set the clock/,
};

/** A server by Python that prints what it received once its client is gone. */
function recordingServer(identity: Identity): Program {
  const file = join(folder, "identity.pem");
  writeFileSync(file, identity.cert + identity.key);
  const script = `
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(args[0])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
conn, _ = listener.accept()
conn = context.wrap_socket(conn, True, do_handshake_on_connect=False)
received = b""
try:
    try:
        conn.do_handshake()
        while data := conn.recv(65536):
            received += data
    except ssl.SSLError:
        pass
    raw = socket.socket(fileno=conn.detach())
    while raw.recv(65536):
        pass
except ConnectionResetError:
    pass
except TimeoutError:
    print("It is still connected")
print(f"received {len(received)} bytes")
`;
  return start(python(script, file));
}

async function assertUntrusted(
  identity: Identity,
  options: Omit<TcpConnectOptions, "port">,
  reason: TlsFailureReason,
): Promise<void> {
  for (const way of WAYS) {
    await using server = recordingServer(identity);
    const port = Number(await server.line());
    const error = await assertRejectsWith("EPROTO", async () => {
      await using conn = await connect({ ...options, ...way, port });
      await conn.send("secret");
    });
    assertEquals(error.reason, reason, error.message);
    assert(REMEDIES[reason]?.test(error.message), error.message);
    // What OpenSSL says is in the cause.
    assert(
      !/OPENSSL|routines|UnknownIssuer/.test(error.message),
      error.message,
    );
    assert(error.cause instanceof Error);
    assert(error.message.includes(`:${port}`), error.message);
    assertEquals(await server.line(), "received 0 bytes");
  }
}

testTls("a peer is verified by name and by IP", async ({ ca, server }) => {
  const names = ["localhost", "127.0.0.1", "::1", "[::1]"];
  for (const hostname of names) {
    await using listener = await listen({ hostname, port: 0, tls: server });
    await reaches(listener, { hostname, tls: { caCerts: [ca] } });
  }
  await using listener = await listen({ port: 0, tls: server });
  for (const serverName of names) {
    await reaches(listener, { tls: { caCerts: [ca], serverName } });
  }
});

testTls("several authorities may be trusted", async (made) => {
  const { ca, otherCa, server } = made;
  await using listener = await listen({ port: 0, tls: server });
  for (const caCerts of [[otherCa, ca], [otherCa + ca]]) {
    await reaches(listener, { tls: { caCerts } });
  }
});

testTls("serverName counts, not hostname", async (made) => {
  const { ca, stranger } = made;
  await using listener = await listen({ port: 0, tls: stranger });
  const tls = { caCerts: [ca], serverName: "stranger.invalid" };
  await reaches(listener, { tls });
});

testTls("an unknown CA is EPROTO, nothing is sent", async (made) => {
  const unknown: (true | TlsConnectOptions)[] = [
    true,
    {},
    { caCerts: [] },
    { caCerts: [made.otherCa] },
  ];
  for (const tls of unknown) {
    await assertUntrusted(made.server, { tls }, "unknown-ca");
  }
});

testTls("a wrong name is EPROTO, nothing is sent", async (made) => {
  const reason = "wrong-name";
  const trusted = { caCerts: [made.ca] };
  for (const hostname of ["127.0.0.1", "localhost"]) {
    const options = { hostname, tls: trusted };
    await assertUntrusted(made.stranger, options, reason);
  }
  const tls = { ...trusted, serverName: "stranger.invalid" };
  await assertUntrusted(made.server, { tls }, reason);
});

testTls("an expired certificate is EPROTO, nothing is sent", async (made) => {
  const tls = { caCerts: [made.ca] };
  await assertUntrusted(made.expired, { tls }, "expired");
});
