// How a server starts, serves many at once, and refuses what is wrong.
import { describe, it } from "node:test";
import {
  type Address,
  echo,
  type Handler,
  serve,
  type Server,
  SocketError,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { assertFree, exchange, freePlace } from "../support/servers.ts";
import { testEachTransport, transports } from "../support/transports.ts";

testEachTransport(
  "200 clients at once each get their own bytes",
  async (transport) => {
    await using server = await serve(transport.listenOptions(), echo);
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const data = pattern(10_000 + i, i + 1);
      await using client = await transport.connect(server.addr);
      await client.send(data);
      await client.closeWrite();
      assertSameBytes(await recvAll(client), data);
    }));
    assertEquals(server.stats().accepted, 200);
  },
);

testEachTransport(
  "servers are handlers: a banner, then an echo",
  async (transport) => {
    const banner: Handler = async (conn) => {
      await conn.send("hi\n");
      await echo(conn);
    };
    await using server = await serve(transport.listenOptions(), banner);
    await using client = await transport.connect(server.addr);
    await client.send("me");
    await client.closeWrite();
    assertEquals(text(await recvAll(client)), "hi\nme");
  },
);

testEachTransport("onListen gets the real address, once", async (transport) => {
  const addrs: Address[] = [];
  const onListen = (addr: Address) => void addrs.push(addr);
  const options = { ...transport.listenOptions(), onListen };
  await using server = await serve(options, echo);
  assertEquals(addrs, [server.addr]);
  assert(server.addr.transport === "unix" || server.addr.port > 0);
  await using client = await transport.connect(server.addr);
  await exchange(client, "there");
});

testEachTransport(
  "an onListen that throws leaves no port open",
  async (transport) => {
    const place = await freePlace(transport);
    const fault = new Error("From onListen");
    const throwing = () => {
      throw fault;
    };
    const rejecting = () => Promise.reject(fault);
    for (const onListen of [throwing, rejecting]) {
      const error = await assertRejects(
        () => serve({ ...place, onListen }, echo),
        Error,
      );
      assertEquals(error, fault);
      await assertFree(place);
    }
  },
);

testEachTransport("a port in use is EADDRINUSE", async (transport) => {
  await using server = await serve(transport.listenOptions(), echo);
  const { code } = await assertRejects(
    () => serve(transport.listenOptions(server.addr), echo),
    SocketError,
  );
  assertEquals(code, "EADDRINUSE");
  await using client = await transport.connect(server.addr);
  await exchange(client, "still here");
});

describe("wrong options are refused and leave no port open", () => {
  const wrong: [string, object, unknown, typeof TypeError][] = [
    ["no handler", {}, undefined, TypeError],
    ["a handler that is none", {}, "echo", TypeError],
    ["maxConnections: 0", { maxConnections: 0 }, echo, RangeError],
    ["maxConnections: NaN", { maxConnections: NaN }, echo, RangeError],
    ["maxConnections: '9'", { maxConnections: "9" }, echo, TypeError],
    ["maxConnectionsPerHost", { maxConnectionsPerHost: 0 }, echo, RangeError],
    ["idleTimeout: -1", { idleTimeout: -1 }, echo, RangeError],
    ["idleTimeout: NaN", { idleTimeout: NaN }, echo, RangeError],
    ["idleTimeout: '9'", { idleTimeout: "9" }, echo, TypeError],
    ["signal", { signal: {} }, echo, TypeError],
    ["filter", { filter: ["127.0.0.1"] }, echo, TypeError],
    ["onListen", { onListen: "log" }, echo, TypeError],
    ["onConnect", { onConnect: "log" }, echo, TypeError],
    ["onDisconnect", { onDisconnect: "log" }, echo, TypeError],
    ["onError", { onError: "log" }, echo, TypeError],
  ];
  for (const [name, options, handler, type] of wrong) {
    it(name, async () => {
      const place = await freePlace(transports[0]);
      const all = { ...place, ...options };
      await assertRejects(async () => {
        const server: Server = await Reflect.apply(serve, null, [all, handler]);
        await server.shutdown({ timeout: 0 });
      }, type);
      await assertFree(place);
    });
  }
});
