// A client of a name server: datagrams, and over TCP messages behind lengths.
import { it } from "node:test";
import { bind, connect } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { startPeer, unprivileged, withPrograms } from "../support/peers.ts";

const A = 1;
const TXT = 16;

function query(id: number, name: string, type: number): Uint8Array {
  const labels = name.split(".").flatMap((label) => [
    label.length,
    ...new TextEncoder().encode(label),
  ]);
  const header = [id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  return new Uint8Array([...header, ...labels, 0, 0, type, 0, 1]);
}

function uint16(bytes: Uint8Array, at: number): number {
  return bytes[at] << 8 | bytes[at + 1];
}

it("dnsmasq answers over UDP and TCP", withPrograms("dnsmasq"), async () => {
  const long = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(100, "x"));
  await using dns = await startPeer((port) =>
    unprivileged([
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"],
      ...["--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file"],
      ...[`--port=${port}`, "--listen-address=127.0.0.1", "--user="],
      "--address=/parley.test/192.0.2.7",
      `--txt-record=long.test,${long.join()}`,
    ])
  );
  const server = { hostname: "127.0.0.1", port: dns.port };

  await using socket = await bind({ port: 0 });
  for (let id = 1; id <= 50; id++) {
    await socket.sendTo(query(id, `host${id}.parley.test`, A), server);
    const [answer, from] = await socket.recvFrom();
    assertEquals(from, { transport: "udp", ...server });
    assertEquals([uint16(answer, 0), uint16(answer, 6)], [id, 1]);
    assertEquals([...answer.subarray(-4)], [192, 0, 2, 7]);
  }
  await socket.sendTo(query(51, "long.test", TXT), server);
  const [cut] = await socket.recvFrom();
  assert((cut[2] & 2) !== 0, "The answer fits a datagram");

  await using conn = await connect(server);
  const question = query(51, "long.test", TXT);
  const length = new Uint8Array([0, question.length]);
  // Two at once, and one whose length and bytes come apart.
  await conn.send([length, question, length, question, length]);
  await conn.send(question);
  for (let i = 0; i < 3; i++) {
    const head = await conn.recvExactly(2);
    assert(head !== null);
    const answer = await conn.recvExactly(uint16(head, 0));
    assert(answer !== null);
    assertEquals([uint16(answer, 0), uint16(answer, 6)], [51, 1]);
    assert(long.every((word) => text(answer).includes(word)));
  }
});
