// TLS with each runtime at the other end: all bytes come back.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, listen, type Listener } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { runtimes, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

/** Echoes to one client. */
async function echoOnce(listener: Listener): Promise<void> {
  await using conn = await listener.accept();
  await conn.pipeTo(conn);
}

const SIZE = 64 * 1024 * 1024;
const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

/** The path of a small program. */
function program(name: string, source: string): string {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

for (const { name, command } of runtimes) {
  testTls(`a server on ${name} echoes 64 MiB`, async ({ ca, server }) => {
    const path = program(
      "tls_server.ts",
      `import { listen } from ${MOD};
const listener = await listen({ port: 0, tls: ${JSON.stringify(server)} });
console.log(listener.addr.port);
const conn = await listener.accept();
await conn.pipeTo(conn);
await conn.close();
await listener.close();`,
    );
    await using peer = start([...command, path]);
    const port = Number(await peer.line());
    await using conn = await connect({ port, tls: { caCerts: [ca] } });
    const block = pattern(SIZE / 64);
    const [sent, received] = [createHash("sha256"), createHash("sha256")];
    const sending = (async () => {
      for (let i = 0; i < 64; i++) {
        block[0] = i;
        sent.update(block);
        await conn.send(block);
      }
      await conn.closeWrite();
    })();
    for (let data; (data = await conn.recv()) !== null;) received.update(data);
    await sending;
    assertEquals(conn.bytesReceived, SIZE);
    assertEquals(received.digest("hex"), sent.digest("hex"));
    assertEquals((await peer.ended).status, 0);
  });

  testTls(`a client on ${name} gets 64 MiB back`, async ({ ca, server }) => {
    await using listener = await listen({ port: 0, tls: server });
    const path = program(
      "tls_client.ts",
      `import { createHash } from "node:crypto";
import { connect } from ${MOD};
const tls = { caCerts: [${JSON.stringify(ca)}] };
const conn = await connect({ port: ${portOf(listener.addr)}, tls });
const block = new Uint8Array(${SIZE / 64}).map((_, i) => i * i >> 8);
const [sent, received] = [createHash("sha256"), createHash("sha256")];
const sending = (async () => {
  for (let i = 0; i < 64; i++) {
    block[0] = i;
    sent.update(block);
    await conn.send(block);
  }
  await conn.closeWrite();
})();
for (let data; (data = await conn.recv()) !== null;) received.update(data);
await sending;
await conn.close();
const same = received.digest("hex") === sent.digest("hex");
console.log(conn.bytesReceived, same);`,
    );
    await using peer = start([...command, path]);
    await echoOnce(listener);
    assertEquals(await peer.line(), `${SIZE} true`);
  });
}
