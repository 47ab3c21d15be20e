// Options are strict: an unknown one is refused by its name, wherever it
// stands, and inherited ones have no effect.
import { describe, it } from "node:test";
import {
  bind,
  connect,
  greeting,
  listen,
  serve,
  serveDatagrams,
  serveEcho,
  serveGreeting,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  untyped,
} from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { pathOf } from "../support/transports.ts";

const options = { timeout: 30_000 };
const { server: tls, ca } = certificates ?? {};
const handler = () => {};

type Call = (options: never) => Promise<unknown>;

/** Each call with wrong options, and what the message has to name. */
const mistakes: [Call, object, ...named: string[]][] = [
  [listen, { port: 0, host: "0.0.0.0" }, "host", "hostname"],
  [listen, { port: 0, hostName: "0.0.0.0" }, "hostName", "hostname"],
  [listen, { port: 0, ssl: true }, "ssl", "tls"],
  [listen, { port: 0, backLog: 1 }, "backLog", "backlog"],
  [listen, { port: 0, path: "/x" }, "path", 'transport: "unix"'],
  [listen, { port: 0, mode: 0o600 }, "mode", 'transport: "unix"'],
  [listen, { port: 0, noDelay: true }, "noDelay", "always"],
  [listen, { port: 0, timeout: 5 }, "timeout"],
  [listen, { port: 0, toString: 1 }, "toString"],
  [listen, JSON.parse('{ "port": 0, "__proto__": {} }'), "__proto__"],
  [listen, { port: 0, tls: { ...tls, requestCert: true } }, "requestCert"],
  [listen, { port: 0, tls: { ...tls, ca: [] } }, "tls", "ca"],
  [listen, { port: 0, tls: { ...tls, certs: "" } }, "certs", "cert"],
  [
    listen,
    { port: 0, proxyProtocol: { trustedProxy: ["::1"] } },
    "trustedProxy",
    "trustedProxies",
  ],
  [
    listen,
    { transport: "unix", path: "/x", port: 0 },
    "port",
    "only TCP has it",
  ],
  [listen, { transport: "unix", path: "/x", tls }, "tls", "only TCP has it"],
  [listen, { transport: "unix", path: "/x", mod: 0 }, "mod", "mode"],
  [listen, { transport: "tls", port: 0 }, "tls", "tcp"],
  [connect, { port: 1, host: "192.0.2.1" }, "host", "hostname"],
  [connect, { port: 1, ssl: true }, "ssl", "tls"],
  [connect, { path: "/x" }, "path", 'transport: "unix"'],
  [connect, { port: 1, proxyProtocol: true }, "proxyProtocol"],
  [connect, { port: 1, tls: { servername: "x" } }, "servername", "serverName"],
  [connect, { port: 1, tls: { ca: [ca] } }, "ca", "caCerts"],
  [
    connect,
    { port: 1, tls: { rejectUnauthorized: false } },
    "rejectUnauthorized",
    "always",
  ],
  [connect, { transport: "unix", path: "/x", port: 1 }, "port"],
  [connect, { transport: "tls", port: 1 }, "transport", "tls"],
  [bind, { port: 0, address: "0.0.0.0" }, "address", "hostname"],
  [bind, { port: 0, tls: true }, "tls", "only TCP has it"],
  [bind, { port: 0, path: "/x" }, "path"],
  [(o) => serve(o, handler), { port: 0, host: "::" }, "host", "hostname"],
  [(o) => serve(o, handler), { port: 0, timeout: 1 }, "idleTimeout"],
  [(o) => serve(o, handler), { port: 0, maxConnection: 1 }, "maxConnections"],
  [(o) => serve(o, handler), { transport: "unix", path: "/x", tls }, "tls"],
  [serveEcho, { port: 0, idleTimout: 1 }, "idleTimeout"],
  [serveEcho, { port: 0, message: "hi" }, "message"],
  [serveEcho, { transport: "udp", port: 0, idleTimeout: 1 }, "idleTimeout"],
  [serveGreeting, { port: 0, message: "hi", ssl: tls }, "ssl", "tls"],
  [serveGreeting, { port: 0, message: "hi", onmessage() {} }, "onMessage"],
  [
    serveGreeting,
    { transport: "udp", port: 0, message: "hi", loopGard: false },
    "loopGuard",
  ],
  [
    (o) => serveDatagrams(o, handler),
    { port: 0, onConnect() {} },
    "onConnect",
  ],
  [
    (o) => serveDatagrams(o, handler),
    { port: 0, loopGuard: { bursts: 1 } },
    "bursts",
    "burst",
  ],
  [(o) => new Promise(() => greeting("hi", o)), { wen: "message" }, "when"],
];

describe("an unknown option is a TypeError that names it", () => {
  for (const [call, wrong, ...named] of mistakes) {
    it(`${call.name} ${JSON.stringify(wrong)}`, options, async () => {
      const error = await assertRejects(
        () => call(untyped<never>(wrong)),
        TypeError,
      );
      for (const name of named) {
        assert(error.message.includes(name), error.message);
      }
    });
  }

  it("of the calls of open sockets", options, async () => {
    await using server = await serveEcho({ port: 0 });
    await using listener = await listen({ port: 0 });
    await using conn = await connect({ port: server.addr.port });
    await using socket = await bind({ port: 0 });
    const wrong = untyped<object>({ timeout: 5 });
    const to = { hostname: "127.0.0.1", port: 9 };
    const calls: [() => Promise<unknown>, ...named: string[]][] = [
      [() => conn.recv(1, wrong), "timeout", "signal"],
      [() => conn.recv(untyped(wrong)), "recv(undefined, { signal })"],
      [() => conn.pipeTo(conn, wrong), "timeout", "signal"],
      [
        () => conn.pipeTo(conn, untyped({ preventclose: true })),
        "preventClose",
      ],
      [() => listener.accept(wrong), "timeout", "signal"],
      [() => socket.recvFrom(wrong), "timeout", "signal"],
      [
        () => socket.sendTo("x", untyped({ host: "::1", port: 9 })),
        "host",
        "hostname",
      ],
      [() => socket.sendTo("x", untyped({ port: 9 })), "hostname"],
      [() => socket.sendTo("x", untyped({ ...to, ttl: 1 })), "ttl"],
      [() => server.shutdown(untyped({ timout: 1 })), "timout", "timeout"],
      [() => conn.recv(1, untyped("x")), "recv"],
      [() => listener.accept(untyped(null)), "accept"],
    ];
    for (const [call, ...named] of calls) {
      const error = await assertRejects(call, TypeError);
      for (const name of named) {
        assert(error.message.includes(name), error.message);
      }
    }
    // None of them took anything, or stopped the server.
    await conn.send("x");
    assertEquals((await conn.recv())?.length, 1);
  });
});

it("undefined is as absent", options, async () => {
  const absent = { host: undefined, tls: undefined, signal: undefined };
  await using listener = await listen(untyped<{ port: 0 }>({
    ...absent,
    port: 0,
    hostname: undefined,
    backlog: undefined,
  }));
  const { port } = listener.addr;
  await using _conn = await connect({ ...absent, port, hostname: undefined });
  await using conn = await listener.accept({ signal: undefined });
  const closed = conn.recv(
    undefined,
    untyped({ signal: undefined, x: undefined }),
  )
    .catch((error) => error.code);
  await conn.close();
  assertEquals(await closed, "EBADF");
});

it("tls: false is none", options, async () => {
  await using listener = await listen({ port: 0, tls: false });
  const { port } = listener.addr;
  await using client = await connect({ port, tls: false });
  await client.send("plain");
  await using server = await listener.accept();
  assertEquals((await server.recv())?.length, 5);
});

describe("what cannot be sent names what can", () => {
  for (const data of [new ArrayBuffer(4), new DataView(new ArrayBuffer(4))]) {
    it(data.constructor.name, options, async () => {
      await using server = await serveEcho({ port: 0 });
      await using conn = await connect({ port: server.addr.port });
      await using socket = await bind({ port: 0 });
      const wrong = untyped<string>(data);
      for (
        const call of [
          () => conn.send(wrong),
          () => socket.sendTo(wrong, socket.addr),
        ]
      ) {
        const { message } = await assertRejects(call, TypeError);
        assert(message.includes(data.constructor.name), message);
        assert(message.includes("new Uint8Array("), message);
      }
    });
  }
});

/**
 * What a polluted prototype might turn on. Not a `signal`: the streams of
 * `node:net` themselves take an inherited one.
 */
const inherited: Record<string, unknown> = {
  hostname: "0.0.0.0",
  host: "0.0.0.0",
  port: 1,
  transport: "unix",
  backlog: 1.5,
  reusePort: true,
  keepAlive: true,
  tls: true,
  path: "/nowhere/x.sock",
  mode: 0,
  removeStale: true,
  proxyProtocol: { trustedProxies: ["0.0.0.0/0"] },
  cert: "",
  caCerts: ["no certificate"],
  alpnProtocols: ["h2"],
  serverName: "example.com",
  maxConnectionsPerHost: 0,
  filter: () => false,
  onListen: () => {
    throw new Error("called");
  },
  preventClose: true,
  timeout: 0,
  loopGuard: { burst: 0 },
  lowestPort: 65536,
  unknown: 1,
};

describe("an inherited option has no effect", () => {
  for (const [key, value] of Object.entries(inherited)) {
    it(key, options, async () => {
      Object.defineProperty(Object.prototype, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
      try {
        await exchange();
      } finally {
        Reflect.deleteProperty(Object.prototype, key);
      }
    });
  }
});

/** Sends something over each transport, and back. */
async function exchange(): Promise<void> {
  const signal = new AbortController().signal;
  const own = Object.hasOwn;
  await using server = await serveEcho({ port: 0 });
  assertEquals(server.addr.hostname, "127.0.0.1");
  const servers = [{ port: server.addr.port }];
  if (tls !== undefined && ca !== undefined) {
    const secure = await serveEcho({ port: 0, tls });
    const { port } = secure.addr;
    await using conn = await connect({ port, tls: { caCerts: [ca] } });
    assertEquals(conn.tls?.alpnProtocol, undefined);
    await conn.send("x");
    assertEquals((await conn.recv(1, { signal }))?.length, 1);
    await conn.close();
    await secure.shutdown({});
  }
  for (const where of servers) {
    assert(!own(where, "hostname"));
    await using conn = await connect(where);
    await conn.send("x");
    assertEquals((await conn.recv(1, {}))?.length, 1);
    await conn.closeWrite();
    assertEquals(await conn.recv(), null);
  }
  await using listener = await listen({ transport: "unix", path: pathOf() });
  await using client = await connect(listener.addr);
  await using accepted = await listener.accept({});
  await client.send("x");
  const piped = accepted.pipeTo(accepted, {});
  assertEquals((await client.recv())?.length, 1);
  await client.closeWrite();
  assertEquals(await client.recv(), null);
  await piped;
  await using datagrams = await serveGreeting({
    transport: "udp",
    port: 0,
    message: "hi",
  });
  await using socket = await bind({ port: 0 });
  assertEquals(socket.addr.hostname, "127.0.0.1");
  await socket.sendTo("x", datagrams.addr);
  assertEquals((await socket.recvFrom({}))[0].length, 2);
}
