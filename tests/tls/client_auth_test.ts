// Client certificates: who gets in, and who never reaches `accept`.
import {
  connect,
  listen,
  type Listener,
  type NetAddress,
  type TlsConnectOptions,
  type TlsListenOptions,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import type { Certificates } from "../support/certificates.ts";
import { onBun, onDeno } from "../support/platform.ts";
import { join, testTls, toPem } from "../support/tls.ts";

/** On Bun a listener with `sni` shakes hands in another way. */
const WAYS: Partial<TlsListenOptions>[] = [{}, { sni: () => undefined }];

const AUTH = ["request", "require"] as const;

/**
 * Asserts that a client is closed, and that the listener hands out only the
 * admitted one that comes after it.
 */
async function assertRefused(
  listener: Listener<NetAddress>,
  { ca, stranger }: Certificates,
  tls: TlsConnectOptions,
): Promise<unknown> {
  const { port } = listener.addr;
  let error: unknown;
  try {
    await using client = await connect({ port, tls });
    // In TLS 1.3 a client has finished before the server verifies it.
    await client.send("let me in").catch(() => {});
    assertEquals(text(await recvAll(client)), "");
  } catch (reason) {
    error = reason;
  }
  const [client, server] = await join(listener, { caCerts: [ca], ...stranger });
  assertEquals(server.remoteAddr, client.localAddr);
  await client.send("admitted");
  assertEquals(text(await server.recv()), "admitted");
  await Promise.all([client.close(), server.close()]);
  return error;
}

for (const clientAuth of AUTH) {
  testTls(`${clientAuth}: a verified client gets in`, async (made) => {
    const { ca, server, stranger } = made;
    for (const way of WAYS) {
      const tls = { ...server, clientAuth, caCerts: [ca], ...way };
      await using listener = await listen({ port: 0, tls });
      const asked = { caCerts: [ca], ...stranger };
      const [client, accepted] = await join(listener, asked);
      await client.send("hello");
      assertEquals(text(await accepted.recv()), "hello");
      await accepted.send("and to you");
      await accepted.close();
      assertEquals(text(await recvAll(client)), "and to you");
      await client.close();
      // Also after the close.
      const der = accepted.tls?.peerCertificate;
      assertEquals(der && toPem(der), stranger.cert.trim());
    }
  });

  testTls(
    `${clientAuth}: an unverified client never reaches accept`,
    async (made) => {
      const { ca, server, foreign, expired, early, serverOnly } = made;
      for (const way of WAYS) {
        const tls = { ...server, clientAuth, caCerts: [ca], ...way };
        await using listener = await listen({ port: 0, tls });
        for (const identity of [foreign, expired, early, serverOnly]) {
          await assertRefused(listener, made, { caCerts: [ca], ...identity });
        }
      }
    },
  );
}

testTls("require: a client without a certificate is told so", async (made) => {
  const { ca, server } = made;
  for (const way of WAYS) {
    const tls = {
      ...server,
      clientAuth: "require" as const,
      caCerts: [ca],
      ...way,
    };
    await using listener = await listen({ port: 0, tls });
    const { port } = listener.addr;
    await assertRefused(listener, made, { caCerts: [ca] });
    // One that only receives meets the server's alert.
    await using client = await connect({ port, tls: { caCerts: [ca] } });
    const error = await assertRejectsWith("EPROTO", () => client.recv());
    assertEquals(error.reason, "no-client-certificate");
    assert(/connect with tls\.cert and tls\.key/.test(error.message));
    assert(error.message.startsWith("Cannot receive"), error.message);
  }
});

testTls("a client whose certificate is refused meets a reset", async (made) => {
  const { ca, server, foreign, expired } = made;
  for (const clientAuth of AUTH) {
    for (const way of WAYS) {
      const tls = { ...server, clientAuth, caCerts: [ca], ...way };
      await using listener = await listen({ port: 0, tls });
      const { port } = listener.addr;
      for (const identity of [foreign, expired]) {
        // TLS 1.3: the client has finished before the server verifies it.
        const asked = { caCerts: [ca], ...identity };
        await using client = await connect({ port, tls: asked });
        if (hasReset(way, clientAuth)) {
          await assertRejectsWith("ECONNRESET", () => client.recv());
        } else assertEquals(await client.recv(), null);
      }
    }
  }
});

testTls("startTls refuses a client by a reset, too", async (made) => {
  const { ca, server, foreign } = made;
  for (const clientAuth of AUTH) {
    await using listener = await listen({ port: 0 });
    const [plain, accepted] = await Promise.all([
      connect({ port: listener.addr.port }),
      listener.accept(),
    ]);
    const tls = { ...server, clientAuth, caCerts: [ca] };
    const refusing = assertRejectsWith(
      "EPROTO",
      () => accepted.startTls({ ...tls, serverSide: true }),
    );
    const asked = { caCerts: [ca], serverName: "localhost", ...foreign };
    await using client = await plain.startTls(asked);
    assertEquals((await refusing).reason, "unknown-ca");
    if (hasReset({}, clientAuth)) {
      await assertRejectsWith("ECONNRESET", () => client.recv());
    } else assertEquals(await client.recv(), null);
  }
});

/** Deno has no reset; Bun's `node:tls` ends the socket by itself. */
function hasReset(
  way: Partial<TlsListenOptions>,
  clientAuth: "request" | "require",
): boolean {
  return !onDeno && !(onBun && way.sni && clientAuth === "require");
}

testTls("request: a client without a certificate gets in", async (made) => {
  const { ca, server } = made;
  for (const way of WAYS) {
    const tls = {
      ...server,
      clientAuth: "request" as const,
      caCerts: [ca],
      ...way,
    };
    await using listener = await listen({ port: 0, tls });
    const [client, accepted] = await join(listener, { caCerts: [ca] });
    await client.send("hello");
    assertEquals(text(await accepted.recv()), "hello");
    assertEquals(accepted.tls?.peerCertificate, undefined);
    await Promise.all([client.close(), accepted.close()]);
  }
});

testTls(
  "no certificate is asked for unless clientAuth says so",
  async (made) => {
    const { ca, server, foreign } = made;
    for (const way of WAYS) {
      await using listener = await listen({
        port: 0,
        tls: { ...server, ...way },
      });
      const [client, accepted] = await join(listener, {
        caCerts: [ca],
        ...foreign,
      });
      assertEquals(accepted.tls?.peerCertificate, undefined);
      await Promise.all([client.close(), accepted.close()]);
    }
  },
);

testTls("clientAuth and caCerts need each other", async ({ ca, server }) => {
  const wrong = [
    { clientAuth: "require" },
    { clientAuth: "request", caCerts: [] },
    { caCerts: [ca] },
    { clientAuth: "always", caCerts: [ca] },
    { clientAuth: true, caCerts: [ca] },
    { clientAuth: "require", caCerts: ca },
    { clientAuth: "require", caCerts: ["not PEM"] },
  ];
  for (const options of wrong) {
    const tls = untyped<TlsListenOptions>({ ...server, ...options });
    await assertRejects(() => listen({ port: 0, tls }), TypeError);
  }
  const spoilt = ca.replace(/(-----BEGIN [^-]+-----\n)[^-]+/, "$1bm8gbm8=\n");
  const tls = {
    ...server,
    clientAuth: "require" as const,
    caCerts: [ca, spoilt],
  };
  await assertRejectsWith("EPROTO", () => listen({ port: 0, tls }));
});

testTls(
  "a client's cert and key are checked before it connects",
  async (made) => {
    const { ca, server, stranger } = made;
    await using listener = await listen({ port: 0, tls: server });
    const { port } = listener.addr;
    const caCerts = [ca];
    for (
      const identity of [
        { cert: stranger.cert },
        { key: stranger.key },
        { cert: "", key: stranger.key },
        { cert: stranger.key, key: stranger.cert },
      ]
    ) {
      const tls = untyped<TlsConnectOptions>({ caCerts, ...identity });
      await assertRejects(() => connect({ port, tls }), TypeError);
    }
    const tls = { caCerts, cert: stranger.cert, key: server.key };
    const error = await assertRejectsWith(
      "EPROTO",
      () => connect({ port, tls }),
    );
    assert(
      /certificate or key is of no use/.test(error.message),
      error.message,
    );
  },
);
