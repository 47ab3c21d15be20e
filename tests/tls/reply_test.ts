// What TLS must not cost: waits of the kernel that `TCP_NODELAY` turns off.
import { connect, listen } from "../../mod.ts";
import { assert } from "../support/assert.ts";
import { recvExactly } from "../support/bytes.ts";
import { testTls } from "../support/tls.ts";

/** Milliseconds that Linux waits with an acknowledgement. */
const DELAYED_ACK = 40;
const ROUNDS = 20;

testTls("replies of several sends are not held back", async (made) => {
  await using listener = await listen({ port: 0, tls: made.server });
  const { port } = listener.addr;
  const serving = (async () => {
    for await (const conn of listener) {
      for (let data; (data = await conn.recv()) !== null;) {
        await conn.send(data.subarray(0, 1));
        await conn.send(data.subarray(1));
      }
      await conn.close();
    }
  })();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await using conn = await connect({ port, tls: { caCerts: [made.ca] } });
    const before = performance.now();
    await conn.send("ping");
    await recvExactly(conn, 4);
    times.push(performance.now() - before);
  }
  await listener.close();
  await serving;
  const median = times.sort((a, b) => a - b)[ROUNDS / 2];
  assert(median < DELAYED_ACK / 2, `${median} ms for a reply`);
});
