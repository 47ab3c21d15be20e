// Connections that are closed before the handler: `onReject` and the counters.
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  serve,
  type Server,
  type ServerOptions,
  SocketError,
  type SocketErrorCode,
  type TcpListenOptions,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  untyped,
} from "../support/assert.ts";
import { recvAll } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import { captureConsoleError } from "../support/console.ts";
import { exchange } from "../support/servers.ts";
import { onDeno } from "../support/platform.ts";
import { start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { testEachTransport } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const echo = (conn: Connection) => conn.pipeTo(conn);

/** Collects what a server rejects. */
function collect(): {
  rejects: [Address, SocketError][];
  options: Pick<ServerOptions, "onReject">;
} {
  const rejects: [Address, SocketError][] = [];
  return {
    rejects,
    options: { onReject: (addr, error) => void rejects.push([addr, error]) },
  };
}

/** Waits for one reject, and checks it and the counters. */
async function assertRejected(
  server: Server,
  rejects: [Address, SocketError][],
  addr: Address,
  code: SocketErrorCode,
  text: RegExp,
): Promise<void> {
  await until(() => rejects.length > 0);
  const [[peer, error]] = rejects.splice(0);
  assert(error instanceof SocketError);
  assertEquals([error.code, peer], [code, addr]);
  assert(text.test(error.message), error.message);
  assertEquals(server.stats().accepted, 0);
}

/** Waits for whatever end the server makes. */
async function gone(conn: Connection): Promise<void> {
  await recvAll(conn).catch((error) => assert(error instanceof SocketError));
}

testEachTransport("onReject is told of the filter's", async (over) => {
  const { rejects, options } = collect();
  const fault = new Error("From the filter");
  const filters: [NonNullable<ServerOptions["filter"]>, unknown][] = [
    [() => false, undefined],
    [() => Promise.resolve(false), undefined],
    [() => {
      throw fault;
    }, fault],
  ];
  for (const [filter, cause] of filters) {
    await using server = await serve(
      { ...over.listenOptions(), ...options, onError() {}, filter },
      echo,
    );
    await using client = await over.connect(server.addr);
    await gone(client);
    await until(() => rejects.length > 0);
    assertEquals(rejects[0][1].cause, cause);
    await assertRejected(
      server,
      rejects,
      client.localAddr,
      "EACCES",
      /^Cannot accept .*filter/,
    );
    assertEquals(server.stats().rejected, 1);
  }
});

it("onReject is told of the limit per host", async () => {
  const { rejects, options } = collect();
  await using server = await serve(
    { port: 0, maxConnectionsPerHost: 1, ...options },
    echo,
  );
  const { port } = server.addr;
  await using first = await connect({ port });
  await exchange(first, "in");
  await using second = await connect({ port });
  await gone(second);
  assertEquals(rejects.map(([addr, { code }]) => [addr, code]), [
    [second.localAddr, "EAGAIN"],
  ]);
  assertEquals(server.stats().rejected, 1);
  await exchange(first, "still in");
});

testTls("onReject is told of handshakes that fail", async (made) => {
  const { rejects, options } = collect();
  await using server = await serve(
    { port: 0, tls: { ...made.server, alpnProtocols: ["h2"] }, ...options },
    echo,
  );
  const { port } = server.addr;
  const junk = await connect({ port });
  await junk.send("GET / HTTP/1.0\r\n\r\n");
  await gone(junk);
  await assertRejected(server, rejects, junk.localAddr, "EPROTO", /TLS failed/);
  await junk.close();
  const quiet = await connect({ port });
  await quiet.closeWrite();
  await assertRejected(server, rejects, quiet.localAddr, "EPROTO", /TLS/);
  await quiet.close();
  const cut = await connect({ port });
  await cut.reset();
  // Which on Deno is an end.
  const code = onDeno ? "EPROTO" : "ECONNRESET";
  await assertRejected(server, rejects, cut.localAddr, code, /accept/);
  // One that speaks no version of TLS that we do.
  await using old = start([
    ...["openssl", "s_client", "-connect", `127.0.0.1:${port}`],
    ...["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
  ]);
  await old.ended;
  await until(() => rejects.length > 0);
  assertEquals(rejects[0][1].code, "EPROTO");
  assertEquals(server.stats(), {
    active: 0,
    accepted: 0,
    rejected: 4,
    bytesReceived: 0,
    bytesSent: 0,
  });
});

/** Serves a client that sends nothing, which takes ten seconds. */
async function late(
  more: Pick<TcpListenOptions, "tls" | "proxyProtocol">,
  text: RegExp,
): Promise<void> {
  const { rejects, options } = collect();
  await using server = await serve({ port: 0, ...more, ...options }, echo);
  await using conn = await connect({ port: server.addr.port });
  await until(() => rejects.length > 0);
  await assertRejected(server, rejects, conn.localAddr, "ETIMEDOUT", text);
}

describe("onReject is told of handshakes and headers", () => {
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };

  it("that are late", { timeout: 40_000 }, async () => {
    const waits = [late({ proxyProtocol }, /PROXY header within 10 s/)];
    if (certificates !== undefined) {
      const tls = certificates.server;
      waits.push(late({ tls }, /TLS handshake within 10 s/));
    }
    await Promise.all(waits);
  });

  it("that are too many", async () => {
    const { rejects, options } = collect();
    await using server = await serve(
      { port: 0, proxyProtocol, ...options },
      echo,
    );
    const { port } = server.addr;
    const many = [];
    for (let i = 0; i < 512; i++) many.push(await connect({ port }));
    await assertRejected(
      server,
      rejects,
      many[0].localAddr,
      "EAGAIN",
      /511 others/,
    );
    await Promise.all(many.map((conn) => conn.close()));
  });
});

it("onReject is told of PROXY headers that are none", async () => {
  const { rejects, options } = collect();
  const trusting = { trustedProxies: ["127.0.0.1"] };
  await using server = await serve(
    { port: 0, proxyProtocol: trusting, ...options },
    echo,
  );
  const { port } = server.addr;
  const says: [string, RegExp][] = [
    ["GET / HTTP/1.0\r\n\r\n", /malformed/],
    ["PROXY TCP4 203", /ended before/],
    ["", /ended before/],
  ];
  for (const [word, text] of says) {
    await using conn = await connect({ port });
    if (word !== "") await conn.send(word);
    await conn.closeWrite();
    await gone(conn);
    await assertRejected(server, rejects, conn.localAddr, "EPROTO", text);
  }
  assertEquals(server.stats().rejected, 3);
  const proxyProtocol = { trustedProxies: ["192.0.2.1"] };
  await using strict = await serve(
    { port: 0, proxyProtocol, ...options },
    echo,
  );
  await using conn = await connect({ port: strict.addr.port });
  await gone(conn);
  await assertRejected(strict, rejects, conn.localAddr, "EACCES", /trusted/);
});

describe("an onReject that fails does not take the server down", () => {
  const fault = new Error("From onReject");
  const ways = {
    throws: () => {
      throw fault;
    },
    rejects: () => Promise.reject(fault),
  };
  for (const [way, onReject] of Object.entries(ways)) {
    it(way, async () => {
      let isFirst = true;
      const lines = await captureConsoleError(async () => {
        await using server = await serve({
          port: 0,
          filter: () => !isFirst,
          onReject,
        }, echo);
        const { port } = server.addr;
        await using first = await connect({ port });
        await gone(first);
        isFirst = false;
        await using second = await connect({ port });
        await exchange(second, "served");
      });
      assertEquals(lines, [fault]);
    });
  }
});

it("a shutdown reports nothing", async () => {
  const { rejects, options } = collect();
  const proxyProtocol = { trustedProxies: ["127.0.0.1"] };
  const server = await serve({ port: 0, proxyProtocol, ...options }, echo);
  await using pending = await connect({ port: server.addr.port });
  await pending.send("PROXY TCP4");
  await server.shutdown();
  await gone(pending);
  assertEquals([rejects.length, server.stats().rejected], [0, 0]);
});

it("onReject must be a function", async () => {
  const options = { port: 0, onReject: untyped<undefined>("no") };
  await assertRejects(() => serve(options, echo), TypeError);
});

it("onReject is told of those beyond the backlog", async () => {
  // Deno leaves them to the kernel, which refuses them by itself.
  if (onDeno) return console.log("Skipped: the kernel's own queue");
  const { rejects, options } = collect();
  await using server = await serve(
    { port: 0, maxConnections: 1, backlog: 1, ...options },
    echo,
  );
  const { port } = server.addr;
  await using served = await connect({ port });
  await exchange(served, "served");
  await using _waiting = await connect({ port });
  // The reset may come before `connect` is done.
  const excess = connect({ port }).then(async (conn) => {
    await gone(conn);
    await conn.close();
  }, ({ code }) => assertEquals(code, "ECONNRESET"));
  await until(() => rejects.length > 0);
  assertEquals(rejects.map(([, { code }]) => code), ["EAGAIN"]);
  await excess;
  assertEquals(server.stats().rejected, 1);
});
