// Servers behind proxies: their limits and callbacks are about the true client;
// and where the option is refused.
import { existsSync } from "node:fs";
import { it } from "node:test";
import {
  type Address,
  bind,
  connect,
  type ConnectOptions,
  echo,
  formatAddress,
  listen,
  type ListenOptions,
  serve,
  serveDatagrams,
  serveEcho,
  type ServeEchoOptions,
  serveGreeting,
  type ServeGreetingOptions,
  SocketError,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { recvAll, recvExactly, text } from "../support/bytes.ts";
import { exchange } from "../support/servers.ts";
import { testTls } from "../support/tls.ts";
import { pathOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";
import { block, line, LOCAL } from "./headers.ts";
import {
  assertTurnedAway,
  HEADER,
  options,
  proxy,
  SOURCE,
  testBehindProxy,
} from "./proxied.ts";

const from = (hostname: string, port = 1000) =>
  line("TCP4", hostname, "198.51.100.1", port, 443);

testBehindProxy(
  "filter and the callbacks are about the client",
  async (over) => {
    const asked: string[] = [];
    const reported: string[] = [];
    await using server = await serve({
      ...over.listenOptions(),
      filter(remoteAddr) {
        asked.push(formatAddress(remoteAddr));
        return formatAddress(remoteAddr) !== "192.0.2.66:1000";
      },
      onConnect: (conn) =>
        void reported.push(`+${formatAddress(conn.remoteAddr)}`),
      onDisconnect: ({ remoteAddr, bytesReceived }) =>
        void reported.push(`-${formatAddress(remoteAddr)} ${bytesReceived}`),
    }, echo);
    await using unwelcome = await proxy(over, server, from("192.0.2.66"));
    await assertTurnedAway(unwelcome);
    await using client = await proxy(over, server, from("192.0.2.7"));
    await exchange(client, "hello");
    await client.close();
    await until(() => reported.length === 2);
    assertEquals(asked, ["192.0.2.66:1000", "192.0.2.7:1000"]);
    assertEquals(reported, ["+192.0.2.7:1000", "-192.0.2.7:1000 5"]);
    const { accepted, rejected, bytesReceived } = server.stats();
    assertEquals([accepted, rejected, bytesReceived], [1, 1, 5]);
  },
);

testBehindProxy(
  "maxConnectionsPerHost counts each client by itself",
  async (over) => {
    const place = { ...over.listenOptions(), maxConnectionsPerHost: 1 };
    await using server = await serve(place, echo);
    await using first = await proxy(over, server, from("192.0.2.1"));
    await exchange(first, "first");
    await using second = await proxy(over, server, from("192.0.2.2"));
    await exchange(second, "second");
    await using excess = await proxy(over, server, from("192.0.2.1", 1001));
    await assertTurnedAway(excess);
    await first.close();
    await until(() => server.stats().active === 1);
    await using next = await proxy(over, server, from("192.0.2.1", 1002));
    await exchange(next, "next");
    assertEquals(server.stats().rejected, 1);
  },
);

testBehindProxy(
  "beyond maxConnections clients wait their turn",
  async (over) => {
    const place = { ...over.listenOptions(), maxConnections: 1 };
    await using server = await serve(place, echo);
    await using first = await proxy(over, server, HEADER);
    await exchange(first, "first");
    const others = Promise.all(["two", "three", "four"].map(async (word) => {
      await using client = await proxy(over, server, HEADER);
      await client.send(word);
      await client.closeWrite();
      return text(await recvAll(client));
    }));
    await exchange(first, "still first");
    assertEquals(server.stats().active, 1);
    await first.close();
    assertEquals(await others, ["two", "three", "four"]);
  },
);

testBehindProxy("a shutdown does not wait for headers", async (over) => {
  const controller = new AbortController();
  for (const way of ["shutdown", "signal"]) {
    const { signal } = controller;
    await using server = await serve(
      { ...over.listenOptions(), signal },
      echo,
    );
    await using client = await proxy(over, server, HEADER);
    await exchange(client, "hello");
    await using silent = await proxy(over, server);
    await using halfway = await proxy(over, server, HEADER.subarray(0, 9));
    if (way === "signal") controller.abort();
    else {
      await client.closeWrite();
      await server.shutdown();
    }
    await server.finished;
    await assertTurnedAway(silent);
    await assertTurnedAway(halfway);
    await using _again = await over.listen(server.addr);
  }
});

testBehindProxy("the echo and the greeting server take it", async (over) => {
  const greeted: Address[] = [];
  await using echoing = await serveEcho(over.listenOptions());
  await using greeting = await serveGreeting({
    ...over.listenOptions(),
    message: (conn) => {
      greeted.push(conn.remoteAddr);
      return "hello";
    },
  });
  await using client = await proxy(over, echoing, HEADER);
  await exchange(client, "hello");
  await using other = await proxy(over, greeting, HEADER);
  assertEquals(text(await recvAll(other)), "hello");
  // A health check, which goes once it has seen enough.
  await using check = await proxy(over, greeting, block(LOCAL, 0));
  assertEquals(text(await recvExactly(check, 5)), "hello");
  await check.close();
  assertEquals(greeted, [SOURCE, check.localAddr]);
});

/** Asserts that `listen` refuses, and has not bound the port or the path. */
async function assertInvalid(
  place: { port: number } | { transport: "unix"; path: string },
  proxyProtocol: unknown,
): Promise<void> {
  const wrong = untyped<ListenOptions>({ ...place, proxyProtocol });
  const what = JSON.stringify(proxyProtocol);
  const error = await assertRejects(() => listen(wrong), TypeError);
  assert(error.message.startsWith("Invalid proxyProtocol"), what);
  await assertRejects(() => serve(wrong, echo), TypeError);
  if ("path" in place) assertEquals(existsSync(place.path), false, what);
  else await (await listen(place)).close();
}

it(
  "a wrong list is a TypeError, before anything is opened",
  options,
  async () => {
    const free = await listen({ port: 0 });
    const { port } = free.addr;
    await free.close();
    const values = [true, false, null, 1, "127.0.0.1", [], ["127.0.0.1"], {}];
    for (const value of values) await assertInvalid({ port }, value);
    const lists = [
      ...[undefined, null, true, "127.0.0.1", [], {}, [null], [1], [[]]],
      ...["", "localhost", "10.0.0", "10.0.0.0/33", "010.0.0.1", "::/129"].map(
        (entry) => ["127.0.0.1", entry],
      ),
      ...["*", "127.0.0.1 ", "[::1]", "fe80::1%lo", "10.0.0.1,10.0.0.2"].map(
        (entry) => [entry],
      ),
    ];
    for (const trustedProxies of lists) {
      await assertInvalid({ port }, { trustedProxies });
    }
  },
);

it("on Unix it is true or false", options, async () => {
  const place = { transport: "unix", path: pathOf() } as const;
  const values = [null, 1, "true", {}, { trustedProxies: ["127.0.0.1"] }];
  for (const value of values) await assertInvalid(place, value);
});

it("only listeners take it", options, async () => {
  await using listener = await listen({ port: 0 });
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
  const { port } = listener.addr;
  const dial = untyped<ConnectOptions>({ port, proxyProtocol });
  await assertRejects(() => connect(dial), TypeError);
  const unix = { transport: "unix", path: pathOf(), proxyProtocol: true };
  await assertRejects(() => connect(untyped<ConnectOptions>(unix)), TypeError);
  const place = { port: 0, proxyProtocol };
  await assertRejects(() => bind(place), TypeError);
  await assertRejects(() => serveDatagrams(place, (data) => data), TypeError);
  const udp = { ...place, transport: "udp", message: "hello" };
  await assertRejects(
    () => serveEcho(untyped<ServeEchoOptions>(udp)),
    TypeError,
  );
  await assertRejects(
    () => serveGreeting(untyped<ServeGreetingOptions>(udp)),
    TypeError,
  );
});

testTls("with TLS the handshake follows the header", async (made) => {
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
  const rejected: string[] = [];
  await using server = await serve({
    port: 0,
    tls: made.server,
    proxyProtocol,
    onReject: (_, { code }) => void rejected.push(code),
  }, async (conn) => {
    await conn.send(
      `${conn.tls?.protocol} ${formatAddress(conn.remoteAddr)}\n`,
    );
    await echo(conn);
  });
  const { port } = server.addr;
  const client = { caCerts: [made.ca], serverName: "localhost" };
  await using plain = await connect({ port });
  await plain.send(from("192.0.2.1"));
  await using conn = await plain.startTls(client);
  const greeting = text(await conn.recvUntil("\n"));
  assertEquals(greeting, "TLSv1.3 192.0.2.1:1000\n");
  await conn.send("hello");
  assertEquals(text(await conn.recvExactly(5)), "hello");
  // Neither a handshake without a header, nor junk behind it.
  await assertRejects(() => connect({ port, tls: client }), SocketError);
  await using junk = await connect({ port });
  await junk.send([from("192.0.2.2"), "no hello"]);
  await until(() => rejected.length === 2);
  assertEquals(rejected, ["EPROTO", "EPROTO"]);
});

testTls("with TLS and a bad certificate it does not listen", async (made) => {
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
  const tls = { ...made.server, key: made.stranger.key };
  const error = await assertRejectsWith(
    "EPROTO",
    () => listen({ port: 0, tls, proxyProtocol }),
  );
  assert(error.message.includes("certificate"), error.message);
});
