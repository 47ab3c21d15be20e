// What a server reports: onConnect, onDisconnect, onError, stats.
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  type ConnectionSummary,
  echo,
  type Handler,
  serve,
  type ServerOptions,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, recvExactly, text } from "../support/bytes.ts";
import { captureConsoleError } from "../support/console.ts";
import { exchange } from "../support/servers.ts";
import {
  testEachTransport,
  type Transport,
  transports,
} from "../support/transports.ts";
import { until } from "../support/wait.ts";

testEachTransport(
  "onConnect, the handler, onDisconnect: in turn",
  async (transport) => {
    const events: string[] = [];
    const conns: Connection[] = [];
    const options = {
      ...transport.listenOptions(),
      onConnect: (conn: Connection) => {
        events.push("connect");
        conns.push(conn);
      },
      onDisconnect: () => void events.push("disconnect"),
    };
    await using server = await serve(options, async (conn) => {
      events.push("served");
      assert(conns.includes(conn));
      await echo(conn);
      events.push("through");
    });
    await using client = await transport.connect(server.addr);
    await exchange(client, "hello");
    assertEquals(events, ["connect", "served"]);
    await client.closeWrite();
    await until(() => events.length === 4);
    assertEquals(events.slice(2), ["through", "disconnect"]);
  },
);

testEachTransport("onDisconnect sums up the connection", async (transport) => {
  const summaries: ConnectionSummary[] = [];
  const started = performance.now();
  const options = {
    ...transport.listenOptions(),
    onDisconnect: (summary: ConnectionSummary) => void summaries.push(summary),
  };
  await using server = await serve(options, async (conn) => {
    await recvExactly(conn, 5);
    await conn.send("goodbye");
  });
  await using client = await transport.connect(server.addr);
  await client.send("hello");
  assertEquals(text(await recvAll(client)), "goodbye");
  await client.closeWrite();
  await until(() => summaries.length > 0);
  const [{ duration, ...rest }] = summaries;
  assertEquals(rest, {
    remoteAddr: client.localAddr,
    bytesReceived: 5,
    bytesSent: 7,
  });
  assert(duration > 0 && duration <= performance.now() - started);
});

/** Asserts that the server ends a connection, by a reset where it can. */
async function assertEnded(client: Connection): Promise<void> {
  const end = await recvAll(client).then(() => "an end", ({ code }) => code);
  assert(["an end", "ECONNRESET", "EPROTO"].includes(end), end);
}

/** Connects, and asserts that the server ends that, perhaps before it is up. */
async function assertCutOff(over: Transport, addr: Address): Promise<void> {
  try {
    await using client = await over.connect(addr);
    await assertEnded(client);
  } catch (error) {
    assert(error instanceof SocketError && error.code === "ECONNRESET");
  }
}

describe("a handler that throws ends its connection only", () => {
  const fault = new Error("From the handler");
  const handlers: [string, Handler, unknown][] = [
    ["an error at once", () => {
      throw fault;
    }, fault],
    ["an error later", async (conn) => {
      await conn.send("so far so good");
      throw fault;
    }, fault],
    ["undefined", () => Promise.reject(undefined), undefined],
    ["null", () => Promise.reject(null), null],
  ];
  for (const [name, fail, expected] of handlers) {
    testEachTransport(name, async (transport) => {
      const errors: [unknown, Connection][] = [];
      const summaries: ConnectionSummary[] = [];
      let count = 0;
      const failed: Connection[] = [];
      const options = {
        ...transport.listenOptions(),
        onError: (error: unknown, conn: Connection) =>
          void errors.push([error, conn]),
        onDisconnect: (summary: ConnectionSummary) =>
          void summaries.push(summary),
      };
      await using server = await serve(options, async (conn, context) => {
        if (++count !== 2) return await echo(conn);
        failed.push(conn);
        return await fail(conn, context);
      });
      await using before = await transport.connect(server.addr);
      await exchange(before, "before");
      await assertCutOff(transport, server.addr);
      await until(() => summaries.length > 0);
      assertEquals(errors.length, 1);
      assert(errors[0][0] === expected && errors[0][1] === failed[0]);
      assert("error" in summaries[0] && summaries[0].error === expected);
      await exchange(before, "still here");
      await using after = await transport.connect(server.addr);
      await exchange(after, "after");
      assertEquals(server.stats().active, 2);
    });
  }
});

testEachTransport(
  "a peer that cuts its connection shows in both",
  async (transport) => {
    const errors: unknown[] = [];
    const summaries: ConnectionSummary[] = [];
    const options = {
      ...transport.listenOptions(),
      onError: (error: unknown) => void errors.push(error),
      onDisconnect: (summary: ConnectionSummary) =>
        void summaries.push(summary),
    };
    await using server = await serve(options, async (conn) => {
      for (;;) await conn.send(new Uint8Array(65536));
    });
    const client = await transport.connect(server.addr);
    await client.recv();
    await client.close();
    await until(() => summaries.length > 0);
    assertEquals(errors, [summaries[0].error]);
    const [error] = errors;
    assert(error instanceof SocketError);
    assert(["ECONNRESET", "EPIPE"].includes(error.code), error.message);
  },
);

it("without onError, all but a SocketError is printed", async () => {
  const faults = [new SocketError("ECONNRESET", "Any peer"), new Error("Ours")];
  const lines = await captureConsoleError(async () => {
    await using server = await serve({ port: 0 }, () => {
      throw faults.shift();
    });
    for (let left = faults.length; left > 0; left--) {
      await assertCutOff(transports[0], server.addr);
    }
  });
  assertEquals(lines.map(String), ["Error: Ours"]);
});

describe("a callback that fails does not take the server down", () => {
  const fault = new Error("From a callback");
  const ways = {
    throws: () => {
      throw fault;
    },
    rejects: () => Promise.reject(fault),
  };
  const names = ["onConnect", "onDisconnect", "onError"] as const;
  for (const [way, fail] of Object.entries(ways)) {
    for (const name of names) {
      it(`${name} ${way}`, async () => {
        const errors: unknown[] = [];
        let calls = 0;
        const options: ServerOptions = {
          onError: (error) => void errors.push(error),
          [name]: () => calls++ === 0 ? fail() : undefined,
        };
        const lines = await captureConsoleError(async () => {
          await using server = await serve(
            { port: 0, ...options },
            async (conn) => {
              if (await conn.recv() === null) throw new Error("No word");
              await conn.send("served");
            },
          );
          await using client = await transports[0].connect(server.addr);
          await client.closeWrite();
          await assertEnded(client);
          await until(() => calls > 0);
          // An unhandled rejection is reported before a timer.
          await new Promise((resolve) => setTimeout(resolve));
          await using next = await transports[0].connect(server.addr);
          await next.send("hello");
          await next.closeWrite();
          assertEquals(text(await recvAll(next)), "served");
        });
        const reported = name === "onError" ? lines : errors;
        assert(reported.includes(fault), `Reported ${reported.join()}`);
      });
    }
  }
});

testEachTransport("stats count the present and the past", async (transport) => {
  await using server = await serve(transport.listenOptions(), async (conn) => {
    await recvExactly(conn, 10);
    await conn.send("abc");
    await recvExactly(conn, 1);
  });
  assertEquals(server.stats(), {
    active: 0,
    accepted: 0,
    rejected: 0,
    bytesReceived: 0,
    bytesSent: 0,
  });
  for (let past = 0; past < 2; past++) {
    await using client = await transport.connect(server.addr);
    await client.send("0123456789");
    assertEquals(text(await recvExactly(client, 3)), "abc");
    assertEquals(server.stats(), {
      active: 1,
      accepted: past + 1,
      rejected: 0,
      bytesReceived: past * 11 + 10,
      bytesSent: past * 3 + 3,
    });
    await client.send("!");
    await client.closeWrite();
    await recvAll(client);
    await until(() => server.stats().active === 0);
    assertEquals(server.stats(), {
      active: 0,
      accepted: past + 1,
      rejected: 0,
      bytesReceived: past * 11 + 11,
      bytesSent: past * 3 + 3,
    });
  }
});

describe("a filter may throw anything", () => {
  const circle = new Error("In a circle");
  circle.cause = circle;
  const proxy = new Proxy(new Error(), {
    get() {
      throw new Error("From the proxy");
    },
    getPrototypeOf() {
      throw new Error("From the prototype");
    },
  });
  const errors = {
    "an error that causes itself": circle,
    "a frozen error": Object.freeze(new Error("\x1b[2J")),
    "an error without a text": Object.assign(new Error(), { message: 5 }),
    "a proxy that throws": proxy,
  };
  for (const [name, error] of Object.entries(errors)) {
    it(name, async () => {
      let isFirst = true;
      const rejects: unknown[] = [];
      await using server = await serve({
        port: 0,
        onError() {},
        onReject: (_, { code }) => void rejects.push(code),
        filter() {
          if (!isFirst) return true;
          isFirst = false;
          throw error;
        },
      }, echo);
      await using refused = await connect({ port: server.addr.port });
      await recvAll(refused).catch(() => {});
      await until(() => rejects.length > 0);
      assertEquals(rejects, ["EACCES"]);
      await using client = await connect({ port: server.addr.port });
      await exchange(client, "served");
    });
  }
});

it("a filter that does not answer in time is reported", async () => {
  const rejects: unknown[] = [];
  await using server = await serve({
    port: 0,
    idleTimeout: 50,
    filter: () => new Promise<boolean>(() => {}),
    onReject: (_, { code }) => void rejects.push(code),
  }, echo);
  await using client = await connect({ port: server.addr.port });
  assertEquals(await client.recv(), null);
  await until(() => rejects.length > 0);
  assertEquals([rejects, server.stats().rejected], [["ETIMEDOUT"], 1]);
});

it("no handler starts after a shutdown by onConnect", async () => {
  const calls: string[] = [];
  const server = await serve({
    port: 0,
    onConnect: () => void server.shutdown({ timeout: 0 }),
    onDisconnect: () => void calls.push("onDisconnect"),
  }, () => void calls.push("handler"));
  await using client = await connect({ port: server.addr.port });
  await recvAll(client).catch(() => {});
  await server.finished;
  assertEquals(calls, ["onDisconnect"]);
});
