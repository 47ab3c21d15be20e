// Calls that are interrupted while they wait: by an abort at whatever turn of
// the event loop, by a close, by each other.
import { connect, type Connection } from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import {
  assert,
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import {
  concat,
  pattern,
  recvAll,
  recvExactly,
  text,
} from "../support/bytes.ts";
import { pair } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const ROUNDS = 24;

/** Lets the runtime take this many turns, half of them with system calls. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    if (i % 2 === 0) await Promise.resolve();
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The value, or undefined where it was the abort that ended the wait. */
async function unlessAborted<T>(
  call: (signal: AbortSignal) => Promise<T>,
  after: number,
): Promise<T | undefined> {
  const reason = new Error("Enough");
  const controller = new AbortController();
  const result = call(controller.signal).catch((error) => {
    if (error !== reason) throw error;
    return undefined;
  });
  await turns(after);
  controller.abort(reason);
  return await result;
}

testContract(
  "accepts aborted at any turn lose no connection",
  async (over) => {
    await using listener = await over.listen();
    const clients: Connection[] = [];
    const accepted: Connection[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const connecting = over.connect(listener.addr);
      const conn = await unlessAborted(
        (signal) => listener.accept({ signal }),
        round,
      );
      if (conn !== undefined) accepted.push(conn);
      clients.push(await connecting);
    }
    while (accepted.length < ROUNDS) accepted.push(await listener.accept());
    const sent = clients.map((conn, i) => conn.send(`I am ${i}`));
    await Promise.all(sent);
    const said = await Promise.all(accepted.map((c) => c.recv().then(text)));
    assertEquals(new Set(said).size, ROUNDS);
    for (const conn of [...clients, ...accepted]) await conn.close();
  },
);

testContract(
  "connects aborted at any turn leave none open",
  async (over) => {
    await using listener = await over.listen();
    const accepted: Connection[] = [];
    const accepting = (async () => {
      for await (const conn of listener) accepted.push(conn);
    })();
    let open = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const options = over.connectOptions(listener.addr);
      const conn = await unlessAborted(
        (signal) => connect({ ...options, signal }),
        round,
      );
      if (conn === undefined) continue;
      // An abort that came too late does it no harm.
      await conn.send("alive");
      await conn.closeWrite();
      assertEquals(
        await unlessAborted((signal) => conn.recv(1, { signal }), 0),
        undefined,
      );
      await conn.close();
      open++;
    }
    await using last = await over.connect(listener.addr);
    await last.send("last");
    await last.closeWrite();
    await until(() => accepted.length > open);
    const said: string[] = [];
    for (let i = 0; !said.includes("last"); i++) {
      await until(() => accepted.length > i);
      said.push(await recvAll(accepted[i]).then(text, ({ code }) => code));
    }
    await listener.close();
    await accepting;
    assertEquals(said.filter((words) => words === "alive").length, open);
    // An aborted connect sent nothing, and is closed.
    const others = said.filter((words) => !["alive", "last"].includes(words));
    for (const words of others) {
      assert(
        ["", "ECONNRESET"].includes(words),
        words,
      );
    }
    for (const conn of accepted) await conn.close();
  },
);

testContract(
  "recvs and pipes aborted at any turn lose no byte",
  async (over) => {
    await using ends = await pair(over);
    await using onward = await pair(over);
    const { client, server } = ends;
    const data = pattern(2_000_000);
    const sent = client.send(data).then(() => client.closeWrite());
    const received: Uint8Array[] = [];
    const relayed = recvAll(onward.server);
    const piped: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = server.bytesReceived;
      if (round % 2 === 0) {
        const chunk = await unlessAborted(
          (signal) => server.recv(1000, { signal }),
          round,
        );
        received.push(chunk ?? new Uint8Array(0));
        assertEquals(server.bytesReceived - before, chunk?.length ?? 0);
      } else {
        await unlessAborted((signal) => {
          const options = { signal, preventClose: true };
          return server.pipeTo(onward.client, options);
        }, round);
        piped.push(server.bytesReceived - before);
      }
    }
    const rest = await recvAll(server);
    await sent;
    await onward.client.closeWrite();
    const through = await relayed;
    // In turns: what one call received, then what one pipe passed on.
    let offset = 0;
    const parts = received.flatMap((chunk, i) => {
      const start = offset;
      offset += piped[i] ?? 0;
      return [chunk, through.subarray(start, offset)];
    });
    assertEquals(offset, through.length);
    assertSameBytes(concat([...parts, rest]), data);
  },
);

testContract("of many recvs at once one receives", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const first = server.recv();
  for (let i = 0; i < 10; i++) {
    await assertRejectsWith("EBUSY", () => server.recv());
  }
  await assertRejectsWith("EBUSY", () => server.pipeTo(server));
  await client.send("once");
  assertEquals(text(await first), "once");
  await client.send("again");
  assertEquals(text(await server.recv()), "again");
});

testContract(
  "close at any turn ends all that waits with EBADF",
  async (over) => {
    for (let round = 0; round < 8; round++) {
      await using ends = await pair(over);
      await using other = await pair(over);
      const { client, server, listener } = ends;
      // Each rejects, none is forgotten.
      const calls = [
        client.recv(),
        client.send(pattern(32 << 20)),
        client.closeWrite(),
        server.pipeTo(other.client),
        listener.accept(),
        listener.accept(),
      ].map((call) => call.then(() => "none", ({ code }) => code));
      await turns(round);
      await Promise.all([client.close(), server.close(), listener.close()]);
      assertEquals(new Set(await Promise.all(calls)), new Set(["EBADF"]));
    }
  },
);

testContract(
  "close of a destination ends the pipe, not its source",
  async (over) => {
    await using ends = await pair(over);
    await using other = await pair(over);
    const piped = ends.server.pipeTo(other.client).then(
      () => "none",
      ({ code }) => code,
    );
    const sent = ends.client.send(pattern(32 << 20)).catch(() => {});
    await until(() => other.client.bytesSent > 0);
    await other.client.close();
    assertEquals(await piped, "EBADF");
    await ends.server.send("alive");
    assertEquals(text(await recvExactly(ends.client, 5)), "alive");
    await ends.client.close();
    await sent;
  },
);

testContract(
  "a listener closed during connects ends them all",
  async (over) => {
    for (let round = 0; round < 8; round++) {
      await using listener = await over.listen();
      const dials = Array.from({ length: 10 }, async () => {
        await using conn = await over.connect(listener.addr);
        return await conn.recv();
      }).map((dial) => dial.catch(({ code }) => code));
      await turns(round);
      await listener.close();
      for (const end of await Promise.all(dials)) {
        const ways = [null, "ECONNRESET", "ECONNREFUSED", "ENOENT", "EPROTO"];
        assert(ways.includes(end), `${end}`);
      }
    }
  },
);
