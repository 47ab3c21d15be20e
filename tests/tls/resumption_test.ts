// What an earlier connection to the same server must not bring about, where a
// runtime keeps its session: trust, or another client's certificate.
import { connect, type Connection, listen, serve } from "../../mod.ts";
import { VerifiedClients } from "../../src/net/verified_clients.ts";
import { assertEquals, assertRejectsWith } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import type { Identity } from "../support/certificates.ts";
import { join, testTls, toPem } from "../support/tls.ts";

testTls("a connect trusts nothing of the one before", async (made) => {
  const { ca, otherCa, server } = made;
  const hello = (conn: Connection) => conn.send("hello");
  await using running = await serve({ port: 0, tls: server }, hello);
  const { port } = running.addr;
  for (let i = 0; i < 3; i++) {
    await using client = await connect({ port, tls: { caCerts: [ca] } });
    // The session's ticket has come before.
    assertEquals(text(await client.recv()), "hello");
    for (const tls of [true, { caCerts: [otherCa] }]) {
      const again = () => connect({ port, tls });
      const { reason } = await assertRejectsWith("EPROTO", again);
      assertEquals(reason, "unknown-ca");
    }
    const tls = { caCerts: [ca], serverName: "stranger.invalid" };
    const { reason } = await assertRejectsWith(
      "EPROTO",
      () => connect({ port, tls }),
    );
    assertEquals(reason, "wrong-name");
  }
});

testTls("a connect shows the certificate it was given", async (made) => {
  const { ca, server, stranger } = made;
  const tls = { ...server, clientAuth: "request" as const, caCerts: [ca] };
  await using listener = await listen({ port: 0, tls });
  const asked: Partial<Identity>[] = [stranger, {}, server, stranger, {}];
  for (const identity of asked) {
    const [client, accepted] = await join(listener, {
      caCerts: [ca],
      ...identity,
    });
    const der = accepted.tls?.peerCertificate;
    assertEquals(der && toPem(der), identity.cert?.trim());
    await accepted.send("hello");
    assertEquals(text(await client.recv()), "hello");
    await Promise.all([client.close(), accepted.close()]);
  }
});

testTls("verified clients are remembered by trust, within bounds", () => {
  const [one, other] = [new VerifiedClients("one"), new VerifiedClients("two")];
  one.add("first");
  assertEquals([one.has("first"), other.has("first")], [true, false]);
  for (let i = 0; i < 100_000; i++) other.add(`${i}`);
  assertEquals([one.has("first"), other.has("0")], [false, true]);
  return Promise.resolve();
});
