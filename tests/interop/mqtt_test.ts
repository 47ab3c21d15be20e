// A client of an MQTT broker: packets behind a length of one to four bytes.
import { it } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Connection } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { startPeer, unprivileged, withPrograms } from "../support/peers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A packet of these parts; text goes behind its length. */
function packet(type: number, ...parts: (Uint8Array | string)[]): Uint8Array[] {
  const body = parts.flatMap((part) => {
    if (typeof part !== "string") return [part];
    const bytes = new TextEncoder().encode(part);
    return [new Uint8Array([bytes.length >> 8, bytes.length & 255]), bytes];
  });
  const header = [type];
  let rest = body.reduce((sum, { length }) => sum + length, 0);
  do header.push(rest % 128 + (rest >= 128 ? 128 : 0)); while (
    (rest = Math.floor(rest / 128)) > 0
  );
  return [new Uint8Array(header), ...body];
}

async function recvPacket(conn: Connection): Promise<[type: number, Bytes]> {
  const [type] = await recv(conn, 1);
  let length = 0;
  for (let shift = 0, byte = 128; byte >= 128; shift += 7) {
    [byte] = await recv(conn, 1);
    length |= (byte & 127) << shift;
  }
  return [type, await recv(conn, length)];
}

async function recv(conn: Connection, length: number): Promise<Bytes> {
  const bytes = await conn.recvExactly(length);
  if (bytes === null) throw new Error("The broker has ended the connection");
  return bytes;
}

/** Connects as a client of MQTT 3.1.1 with a clean session. */
async function connectAs(port: number, id: string): Promise<Connection> {
  const conn = await connect({ port });
  await conn.send(packet(0x10, "MQTT", new Uint8Array([4, 2, 0, 60]), id));
  assertEquals(await recvPacket(conn), [0x20, new Uint8Array([0, 0])]);
  return conn;
}

it("mosquitto passes messages on", withPrograms("mosquitto"), async () => {
  await using broker = await startPeer((port, folder) => {
    const file = join(folder, "mosquitto.conf");
    writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
    return unprivileged(["mosquitto", "-c", file]);
  });
  await using subscriber = await connectAs(broker.port, "subscriber");
  const id = new Uint8Array([0, 1]);
  await subscriber.send(packet(0x82, id, "parley/#", new Uint8Array([0])));
  assertEquals(await recvPacket(subscriber), [0x90, new Uint8Array([0, 1, 0])]);
  await using publisher = await connectAs(broker.port, "publisher");
  // The length of each takes one byte more.
  const messages = [0, 200, 20_000, 3_000_000].map((size) => pattern(size));
  const topic = "parley/test";
  for (const message of messages) {
    await publisher.send(packet(0x30, topic, message));
  }
  for (const message of messages) {
    const [type, body] = await recvPacket(subscriber);
    assertEquals(type, 0x30);
    assertEquals(text(body.subarray(2, 2 + topic.length)), topic);
    assertSameBytes(body.subarray(2 + topic.length), message);
  }
  await publisher.send(packet(0xc0));
  assertEquals(await recvPacket(publisher), [0xd0, new Uint8Array(0)]);
  await publisher.send(packet(0xe0));
  assertEquals(await publisher.recv(), null);
});
