// How a server stops: gracefully, hastily, by a signal, by `await using`.
import { it } from "node:test";
import { echo, serve } from "../../mod.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { recvAll, recvExactly, text } from "../support/bytes.ts";
import {
  assertFree,
  assertNotListening,
  exchange,
  freePlace,
} from "../support/servers.ts";
import { testEachTransport, transports } from "../support/transports.ts";

testEachTransport(
  "an idle server shuts down and frees its place",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), echo);
    await server.shutdown();
    await server.finished;
    await assertNotListening(transport, server);
    await assertFree(transport.listenOptions(server.addr));
  },
);

testEachTransport(
  "shutdown lets handlers finish, accepts none",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), echo);
    await using client = await transport.connect(server.addr);
    await exchange(client, "before");
    let over = 0;
    const ends = [server.shutdown(), server.finished].map(async (end) => {
      await end;
      over++;
    });
    await exchange(client, "meanwhile");
    await assertNotListening(transport, server);
    assertEquals(over, 0);
    await client.closeWrite();
    assertEquals(await client.recv(), null);
    await Promise.all(ends);
    assertEquals(server.stats().active, 0);
  },
);

testEachTransport(
  "shutdown closes what is left after its timeout",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), echo);
    await using client = await transport.connect(server.addr);
    await exchange(client, "before");
    const shutdown = server.shutdown({ timeout: 200 });
    await exchange(client, "meanwhile");
    assertEquals(await client.recv(), null);
    await shutdown;
  },
);

testEachTransport("a timeout of 0 closes at once", async (transport) => {
  await using server = await serve(transport.listenOptions(), echo);
  await using client = await transport.connect(server.addr);
  await exchange(client, "before");
  await server.shutdown({ timeout: 0 });
  assertEquals(server.stats().active, 0);
  assertEquals(await client.recv(), null);
});

testEachTransport(
  "a second shutdown may shorten the time",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), echo);
    await using client = await transport.connect(server.addr);
    await exchange(client, "before");
    const patient = server.shutdown();
    await server.shutdown({ timeout: 0 });
    await patient;
    assertEquals(await client.recv(), null);
    await server.shutdown();
  },
);

testEachTransport("no timeout is too long", async (transport) => {
  for (const timeout of [Infinity, 2 ** 31]) {
    await using server = await serve(transport.listenOptions(), echo);
    await using client = await transport.connect(server.addr);
    await exchange(client, "before");
    const shutdown = server.shutdown({ timeout });
    // A timer that overflows is due at once: before this one.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await exchange(client, "meanwhile");
    await client.closeWrite();
    await shutdown;
  }
});

testEachTransport(
  "a wrong timeout is refused, the server goes on",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), echo);
    for (const timeout of [-1, NaN]) {
      await assertRejects(() => server.shutdown({ timeout }), RangeError);
    }
    const options = [{ timeout: "1" }];
    await assertRejects(
      () => Reflect.apply(server.shutdown, server, options),
      TypeError,
    );
    await using client = await transport.connect(server.addr);
    await exchange(client, "still here");
  },
);

testEachTransport(
  "context.signal aborts when a shutdown starts",
  async (transport) => {
    const aborted = Promise.withResolvers<void>();
    let before: boolean | undefined;
    await using server = await serve(
      transport.listenOptions(),
      async (conn, { signal }) => {
        before = signal.aborted;
        signal.addEventListener("abort", () => aborted.resolve());
        await conn.send("ready");
        await aborted.promise;
        await conn.send(", bye");
      },
    );
    await using client = await transport.connect(server.addr);
    assertEquals(text(await recvExactly(client, 5)), "ready");
    assertEquals(before, false);
    const shutdown = server.shutdown();
    assertEquals(text(await recvAll(client)), ", bye");
    await client.closeWrite();
    await shutdown;
  },
);

testEachTransport("await using shuts down", async (transport) => {
  let ended = false;
  const { server, client } = await (async () => {
    await using server = await serve(
      transport.listenOptions(),
      async (conn) => {
        await echo(conn);
        ended = true;
      },
    );
    const client = await transport.connect(server.addr);
    await exchange(client, "before");
    await client.closeWrite();
    return { server, client };
  })();
  await using _ = client;
  assert(ended);
  assertEquals(server.stats().active, 0);
  await assertNotListening(transport, server);
});

it("await using closes connections that stay for a second", async () => {
  const server = await serve({ port: 0 }, echo);
  await using client = await transports[0].connect(server.addr);
  await exchange(client, "before");
  await server[Symbol.asyncDispose]();
  assertEquals(server.stats().active, 0);
  assertEquals(await client.recv(), null);
});

testEachTransport(
  "signal stops the server and closes what is open",
  async (transport) => {
    const stop = new AbortController();
    const options = { ...transport.listenOptions(), signal: stop.signal };
    let signalled: AbortSignal | undefined;
    await using server = await serve(options, async (conn, { signal }) => {
      signalled = signal;
      await echo(conn);
    });
    await using client = await transport.connect(server.addr);
    await exchange(client, "before");
    stop.abort();
    await server.finished;
    assertEquals(signalled?.aborted, true);
    assertEquals(await client.recv(), null);
    await assertNotListening(transport, server);
  },
);

testEachTransport(
  "a signal aborted already opens no port",
  async (transport) => {
    const place = await freePlace(transport);
    const reason = new Error("Not today");
    const signal = AbortSignal.abort(reason);
    const error = await assertRejects(
      () => serve({ ...place, signal }, echo),
      Error,
    );
    assertEquals(error, reason);
    await assertFree(place);
  },
);

testEachTransport(
  "a signal may abort while the port opens",
  async (transport) => {
    const place = await freePlace(transport);
    const stop = new AbortController();
    const reason = new Error("Changed my mind");
    const opening = serve({ ...place, signal: stop.signal }, echo);
    stop.abort(reason);
    const error = await assertRejects(async () => {
      await using _server = await opening;
    }, Error);
    assertEquals(error, reason);
    await assertFree(place);
  },
);

testEachTransport(
  "a hasty end amid new clients leaves nothing open",
  async (transport) => {
    for (let round = 0; round < 20; round++) {
      const late = Promise.withResolvers<never>();
      const server = await serve(
        transport.listenOptions(),
        async (conn, { signal }) => {
          if (signal.aborted) late.reject(new Error("Served after the end"));
          await conn.recv();
          await server.shutdown({ timeout: 0 });
        },
      );
      await using client = await transport.connect(server.addr);
      await using clients = new AsyncDisposableStack();
      const arrivals = Array.from({ length: 20 }, async () => {
        clients.use(await transport.connect(server.addr));
      });
      await client.send("quit");
      await Promise.allSettled(arrivals);
      await Promise.race([server.finished, late.promise]);
    }
  },
);

testEachTransport("finished means that the address is free", async (over) => {
  const stop = new AbortController();
  const options = { ...over.listenOptions(), signal: stop.signal };
  const server = await serve(options, () => {});
  stop.abort();
  await server.finished;
  await using again = await over.listen(server.addr);
  assertEquals(again.addr, server.addr);
});

testEachTransport(
  "a shutdown waits for no filter, and serves no more",
  async (over) => {
    const verdict = Promise.withResolvers<boolean>();
    const asked = Promise.withResolvers<void>();
    let served = 0;
    const filter = () => {
      asked.resolve();
      return verdict.promise;
    };
    const options = { ...over.listenOptions(), filter, idleTimeout: 0 };
    await using server = await serve(options, () => void served++);
    await using client = await over.connect(server.addr);
    await asked.promise;
    await server.shutdown();
    verdict.resolve(true);
    assertEquals(await client.recv(), null);
    assertEquals([served, server.stats().accepted], [0, 0]);
  },
);
