// How `connect` over TLS fails: peers that are none, aborts, wrong options.
import { it } from "node:test";
import {
  connect,
  type ConnectOptions,
  listen,
  type Listener,
  type NetAddress,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { recvAll, recvExactly } from "../support/bytes.ts";
import { python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

/** Asserts that all others that connected to a TCP listener left again. */
async function assertNobodyStays(
  listener: Listener<NetAddress>,
): Promise<void> {
  await using last = await connect({ port: listener.addr.port });
  for (;;) {
    await using conn = await listener.accept();
    if (portOf(conn.remoteAddr) === portOf(last.localAddr)) return;
    // A reset is an end too.
    await recvAll(conn).catch(({ code }) => assertEquals(code, "ECONNRESET"));
  }
}

it(
  "a peer that does not speak TLS is EPROTO",
  { timeout: 30_000 },
  async () => {
    await using listener = await listen({ port: 0 });
    const { port } = listener.addr;
    const refusal = assertRejectsWith(
      "EPROTO",
      () => connect({ port, tls: true }),
    );
    await using peer = await listener.accept();
    await peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    const { message, reason } = await refusal;
    assertEquals(reason, "not-tls");
    assert(/does not speak TLS, check the port/.test(message), message);
    await recvAll(peer).catch(({ code }) => assertEquals(code, "ECONNRESET"));
  },
);

// The head of a ServerHello, and no more of it.
const HALF_A_HELLO = Uint8Array.of(22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3);

for (const answer of [new Uint8Array(), HALF_A_HELLO]) {
  const behaviour = `a peer that ends after ${answer.length} bytes is EPROTO`;
  it(behaviour, { timeout: 30_000 }, async () => {
    await using listener = await listen({ port: 0 });
    const { port } = listener.addr;
    const refusal = assertRejectsWith(
      "EPROTO",
      () => connect({ port, tls: true }),
    );
    await using peer = await listener.accept();
    // The whole ClientHello, so that closing does not reset.
    const [, , , high, low] = await recvExactly(peer, 5);
    await recvExactly(peer, high * 256 + low);
    await peer.send(answer);
    await peer.close();
    const { message, reason } = await refusal;
    assertEquals(reason, "handshake");
    assert(/the peer closed the connection/.test(message), message);
  });
}

it("a peer that resets is ECONNRESET", { timeout: 30_000 }, async () => {
  const script = `
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
conn, _ = listener.accept()
conn.recv(1)
conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
conn.close()
`;
  await using server = start(python(script));
  const port = Number(await server.line());
  await assertRejectsWith("ECONNRESET", () => connect({ port, tls: true }));
});

it(
  "a connect to a silent peer can be aborted",
  { timeout: 30_000 },
  async () => {
    await using listener = await listen({ port: 0 });
    const { port } = listener.addr;
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = connect({ port, tls: true, signal }).catch((error) =>
      error
    );
    await using peer = await listener.accept();
    await recvExactly(peer, 5);
    const reason = new Error("Enough");
    controller.abort(reason);
    assertEquals(await aborted, reason);
    await recvAll(peer).catch(({ code }) => assertEquals(code, "ECONNRESET"));
  },
);

it("an abort at once leaves nothing open", { timeout: 30_000 }, async () => {
  await using listener = await listen({ port: 0 });
  const controller = new AbortController();
  const { signal } = controller;
  const { port } = listener.addr;
  const aborted = connect({ port, tls: true, signal }).catch((error) => error);
  const reason = new Error("Enough");
  controller.abort(reason);
  assertEquals(await aborted, reason);
  await assertNobodyStays(listener);
});

it("tls that is neither a boolean nor options is a TypeError", {
  timeout: 30_000,
}, async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  for (const tls of [null, 0, "", 1, "yes"]) {
    await assertRejects(
      () => connect(untyped<ConnectOptions>({ port, tls })),
      TypeError,
    );
  }
});

it("caCerts that are not PEM are a TypeError", async () => {
  for (const caCerts of ["", "-----BEGIN CERTIFICATE-----", [""], ["x"], [1]]) {
    const options = untyped<{ port: number }>({ port: 1, tls: { caCerts } });
    await assertRejects(() => connect(options), TypeError);
  }
});

testTls("garbage in the armour of caCerts is EPROTO", async ({ server }) => {
  const caCerts = [
    "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n",
  ];
  await using listener = await listen({ port: 0, tls: server });
  const { port } = listener.addr;
  const { message } = await assertRejectsWith(
    "EPROTO",
    () => connect({ port, tls: { caCerts } }),
  );
  assert(/a certificate or key is of no use/.test(message), message);
  await using plain = await listen({ port: 0 });
  const options = { port: plain.addr.port, tls: { caCerts } };
  await assertRejectsWith("EPROTO", () => connect(options));
  await assertNobodyStays(plain);
});

it("a serverName that is no name is a TypeError", async () => {
  for (const serverName of ["", null, 127]) {
    const options = untyped<{ port: number }>({ port: 1, tls: { serverName } });
    await assertRejects(() => connect(options), TypeError);
  }
});
