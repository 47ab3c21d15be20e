// The header that `connect` sends.
import { it } from "node:test";
import { connect, listen, type ProxyHeaderOptions } from "../../mod.ts";
import {
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { testTls } from "../support/tls.ts";

const tcp = (hostname: string, port: number) =>
  ({ transport: "tcp", hostname, port }) as const;

const pairs = [
  [tcp("203.0.113.7", 51000), tcp("198.51.100.1", 443)],
  [tcp("2001:db8::7", 51000), tcp("2001:db8::1", 443)],
] as const;

for (const version of [1, 2] as const) {
  it(`a listener takes version ${version}`, async () => {
    const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
    await using listener = await listen({ port: 0, proxyProtocol });
    const { port } = listener.addr;
    for (const [source, destination] of pairs) {
      const proxyHeader = { version, source, destination };
      await using client = await connect({ port, proxyHeader });
      await client.send("hello");
      await using server = await listener.accept();
      assertEquals<unknown>(server.remoteAddr, source);
      assertEquals<unknown>(server.localAddr, destination);
      assertEquals(text(await server.recv() ?? new Uint8Array()), "hello");
    }
  });
}

it("the bytes are those of the specification", async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  const [[source, destination]] = pairs;
  const sent = async (version: 1 | 2) => {
    const proxyHeader = { version, source, destination };
    await using client = await connect({ port, proxyHeader });
    await client.closeWrite();
    await using server = await listener.accept();
    return await server.recv() ?? new Uint8Array();
  };
  assertEquals(
    text(await sent(1)),
    "PROXY TCP4 203.0.113.7 198.51.100.1 51000 443\r\n",
  );
  const block = [...await sent(2)];
  const hex = block.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEquals(
    hex,
    "0d0a0d0a000d0a515549540a" + "2111000c" + "cb007107" + "c6336401" +
      "c738" + "01bb",
  );
});

it("proxyHeader is checked", async () => {
  const [[source, destination], [, other]] = pairs;
  const wrong = [
    { version: 3, source, destination },
    { version: 1, source, destination: other },
    { version: 1, source },
    { version: 1, source: tcp("localhost", 1), destination },
    { version: 1, source, destination, from: source },
    5,
  ];
  for (const given of wrong) {
    const proxyHeader = untyped<ProxyHeaderOptions>(given);
    await assertRejects(() => connect({ port: 1, proxyHeader }), TypeError);
  }
});

testTls("with TLS the handshake follows the header", async (made) => {
  const [[source, destination]] = pairs;
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
  const tls = made.server;
  await using listener = await listen({ port: 0, proxyProtocol, tls });
  const { port } = listener.addr;
  const proxyHeader = { version: 2, source, destination } as const;
  const [client, server] = await Promise.all([
    connect({ port, proxyHeader, tls: { caCerts: [made.ca] } }),
    listener.accept(),
  ]);
  assertEquals(server.remoteAddr, source);
  assertEquals(client.tls?.protocol, "TLSv1.3");
  await client.send("hello");
  assertEquals(text(await server.recv()), "hello");
  await Promise.all([client.close(), server.close()]);
  const wrong = { port, proxyHeader, tls: { caCerts: [made.otherCa] } };
  const error = await assertRejectsWith("EPROTO", () => connect(wrong));
  assertEquals(error.reason, "unknown-ca");
});
