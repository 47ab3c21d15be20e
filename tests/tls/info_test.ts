// `conn.tls`: what the handshake has negotiated, on both sides.
import { connect, type Connection, listen, type TlsInfo } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import type { Certificates } from "../support/certificates.ts";
import { python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";

/** The DER of a PEM text. */
function der(pem: string): Uint8Array {
  const base64 = pem.replace(/-----[^-]+-----|\s/g, "");
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

const SUITES = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
];

async function assertInfo(
  { ca, server, stranger }: Certificates,
  sni: (() => undefined) | undefined,
): Promise<void> {
  const alpnProtocols = ["parley"];
  const tls = {
    ...server,
    alpnProtocols,
    clientAuth: "require" as const,
    caCerts: [ca],
    sni,
  };
  await using listener = await listen({ port: 0, tls });
  for (const serverName of ["localhost", "127.0.0.1"]) {
    const [client, accepted] = await Promise.all([
      connect({
        port: listener.addr.port,
        tls: { caCerts: [ca], serverName, alpnProtocols, ...stranger },
      }),
      listener.accept(),
    ]);
    await client.send("hello");
    assertEquals(text(await accepted.recv()), "hello");
    // Read for the first time after the close.
    await Promise.all([client.close(), accepted.close()]);
    const cipher = client.tls?.cipher ?? "";
    assert(SUITES.includes(cipher), cipher);
    const both = { protocol: "TLSv1.3", cipher, alpnProtocol: "parley" };
    assertInfoEquals(client, {
      ...both,
      serverName,
      peerCertificate: der(server.cert),
    });
    assertInfoEquals(accepted, {
      ...both,
      // An IP address is no name to ask for.
      ...(serverName === "localhost" && { serverName }),
      peerCertificate: der(stranger.cert),
    });
  }
}

function assertInfoEquals({ tls }: Connection, expected: object): void {
  assertEquals({ ...tls }, expected);
  // A plain array of its own.
  assertEquals(tls?.peerCertificate?.constructor, Uint8Array);
  assertEquals(
    tls?.peerCertificate?.length,
    tls?.peerCertificate?.buffer.byteLength,
  );
}

testTls("tls describes both ends, also after the close", async (made) => {
  await assertInfo(made, undefined);
  // On Bun a listener with `sni` shakes hands in another way.
  await assertInfo(made, () => undefined);
});

testTls("tls has no more than was negotiated", async ({ ca, server }) => {
  await using listener = await listen({ port: 0, tls: server });
  const { port } = listener.addr;
  await using client = await connect({ port, tls: { caCerts: [ca] } });
  await using accepted = await listener.accept();
  const keys = (tls: TlsInfo | undefined) => Object.keys(tls ?? {}).sort();
  assertEquals(keys(accepted.tls), ["cipher", "protocol"]);
  assertEquals(
    keys(client.tls),
    ["cipher", "peerCertificate", "protocol", "serverName"],
  );
  assert(client.tls === client.tls);
});

testTls("tls is undefined without TLS", async () => {
  await using listener = await listen({ port: 0 });
  await using client = await connect({ port: listener.addr.port });
  await using accepted = await listener.accept();
  assertEquals([client.tls, accepted.tls], [undefined, undefined]);
});

testTls("a hostname is the name that a client verified", async (made) => {
  await using listener = await listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: made.server,
  });
  const { port } = listener.addr;
  for (const signal of [undefined, new AbortController().signal]) {
    await using client = await connect({
      hostname: "localhost",
      port,
      tls: { caCerts: [made.ca] },
      ...(signal && { signal }),
    });
    await using accepted = await listener.accept();
    assertEquals(client.tls?.serverName, "localhost");
    assertEquals(accepted.tls?.serverName, "localhost");
  }
});

testTls("TLS 1.2 has IANA's names, too", async ({ caFile, server }) => {
  for (const sni of [undefined, () => undefined]) {
    await using listener = await listen({ port: 0, tls: { ...server, sni } });
    await using _client = start([
      ...["openssl", "s_client", "-quiet", "-tls1_2", "-CAfile", caFile],
      ...["-connect", `127.0.0.1:${listener.addr.port}`],
    ]);
    await using accepted = await listener.accept();
    assertEquals(accepted.tls?.protocol, "TLSv1.2");
    const suite =
      /^TLS_ECDHE_ECDSA_WITH_(AES_\d+_GCM_SHA|CHACHA20_POLY1305_SHA)/;
    assert(suite.test(accepted.tls?.cipher ?? ""), accepted.tls?.cipher);
  }
});

testTls("a client tells TLS 1.2 of Python's ssl", async (made) => {
  const script = `
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(args[0], args[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
conn = context.wrap_socket(listener.accept()[0], server_side=True)
print(conn.cipher()[0], flush=True)
conn.recv(1)
`;
  await using server = start(python(script, made.certFile, made.keyFile));
  const port = Number(await server.line());
  await using client = await connect({ port, tls: { caCerts: [made.ca] } });
  const openssl = await server.line();
  assertEquals(client.tls?.protocol, "TLSv1.2");
  assertEquals(
    client.tls?.cipher,
    openssl.replace("ECDHE-ECDSA-AES", "TLS_ECDHE_ECDSA_WITH_AES_")
      .replace("-GCM-", "_GCM_"),
  );
  assertEquals(client.tls?.peerCertificate, der(made.server.cert));
});
