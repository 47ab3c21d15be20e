// What a server does about too many, too idle and unwelcome clients.
import { it } from "node:test";
import {
  type Address,
  type ConnectionSummary,
  echo,
  type Handler,
  serve,
  type ServerOptions,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { recvAll, recvExactly, text } from "../support/bytes.ts";
import { noSecondHost } from "../support/platform.ts";
import { output, python } from "../support/programs.ts";
import { exchange } from "../support/servers.ts";
import {
  portOf,
  testEachTransport,
  transports,
} from "../support/transports.ts";
import { until } from "../support/wait.ts";

const IDLE = 300;

/** Options that keep every summary and error, to look at. */
function recordCallbacks() {
  const summaries: ConnectionSummary[] = [];
  const errors: unknown[] = [];
  const options: ServerOptions = {
    onDisconnect: (summary) => void summaries.push(summary),
    onError: (error) => void errors.push(error),
  };
  return { summaries, errors, options };
}

function isTimeout({ error }: ConnectionSummary): boolean {
  return error instanceof SocketError && error.code === "ETIMEDOUT";
}

/** Sends for as long as the peer takes it. */
const flood: Handler = async (conn) => {
  const chunk = new Uint8Array(65536);
  for (;;) await conn.send(chunk);
};

testEachTransport(
  "beyond maxConnections clients wait their turn",
  async (transport) => {
    let now = 0;
    let most = 0;
    const options = { ...transport.listenOptions(), maxConnections: 2 };
    await using server = await serve(options, async (conn) => {
      most = Math.max(most, ++now);
      await echo(conn);
      now--;
    });
    await using first = await transport.connect(server.addr);
    await using second = await transport.connect(server.addr);
    await exchange(first, "one");
    await exchange(second, "two");
    const others = Promise.all(["three", "four", "five"].map(async (word) => {
      await using client = await transport.connect(server.addr);
      await client.send(word);
      await client.closeWrite();
      return text(await recvAll(client));
    }));
    await exchange(first, "still one");
    assertEquals(server.stats().active, 2);
    await first.close();
    assertEquals(await others, ["three", "four", "five"]);
    assertEquals(most, 2);
    assertEquals(server.stats().rejected, 0);
  },
);

testEachTransport("a full server can be shut down", async (transport) => {
  const options = { ...transport.listenOptions(), maxConnections: 1 };
  await using server = await serve(options, echo);
  await using client = await transport.connect(server.addr);
  await exchange(client, "full");
  const shutdown = server.shutdown();
  await client.closeWrite();
  await shutdown;
  assertEquals(server.stats().accepted, 1);
});

testEachTransport(
  "beyond maxConnectionsPerHost clients are closed",
  async (transport) => {
    const options = { ...transport.listenOptions(), maxConnectionsPerHost: 1 };
    await using server = await serve(options, echo);
    if (server.addr.transport === "unix") {
      return console.log(`skipped: ${transport.name} has no hosts`);
    }
    await using first = await transport.connect(server.addr);
    await exchange(first, "first");
    await using excess = await transport.connect(server.addr);
    assertEquals(await excess.recv(), null);
    const { accepted, rejected } = server.stats();
    assertEquals([accepted, rejected], [1, 1]);
    await exchange(first, "still first");
    await first.close();
    await until(() => server.stats().active === 0);
    await using next = await transport.connect(server.addr);
    await exchange(next, "next");
  },
);

it("maxConnectionsPerHost counts each host by itself", {
  skip: noSecondHost(),
}, async () => {
  const options = { port: 0, maxConnectionsPerHost: 1 };
  await using server = await serve(options, echo);
  await using first = await transports[0].connect(server.addr);
  await exchange(first, "first");
  const fromElsewhere = `
s = socket.create_connection(
    ("127.0.0.1", int(args[0])), source_address=("127.0.0.2", 0))
s.sendall(b"elsewhere")
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode())
`;
  const port = portOf(server.addr);
  assertEquals(await output(python(fromElsewhere, port)), "elsewhere\n");
  assertEquals(server.stats().rejected, 0);
});

testEachTransport("idleTimeout closes a silent peer", async (transport) => {
  const { summaries, errors, options } = recordCallbacks();
  const all = { ...transport.listenOptions(), ...options, idleTimeout: 50 };
  await using server = await serve(all, echo);
  await using client = await transport.connect(server.addr);
  assertEquals(await client.recv(), null);
  await until(() => summaries.length > 0);
  assert(isTimeout(summaries[0]));
  assert(summaries[0].duration >= 50);
  assertEquals(server.stats().active, 0);
  assertEquals(errors, []);
});

testEachTransport(
  "a peer that never reads counts as idle",
  async (transport) => {
    const { summaries, options } = recordCallbacks();
    const all = { ...transport.listenOptions(), ...options, idleTimeout: IDLE };
    await using server = await serve(all, flood);
    await using _stuck = await transport.connect(server.addr);
    await until(() => summaries.length > 0);
    assert(isTimeout(summaries[0]));
    assert(summaries[0].bytesSent > 0);
  },
);

testEachTransport("a slow peer is not idle", async (transport) => {
  const { summaries, options } = recordCallbacks();
  const all = { ...transport.listenOptions(), ...options, idleTimeout: IDLE };
  await using server = await serve(all, echo);
  await using slow = await transport.connect(server.addr);
  let over = false;
  const trickle = async () => {
    while (!over) {
      await exchange(slow, ".");
      await new Promise((resolve) => setTimeout(resolve, IDLE / 20));
    }
  };
  const trickling = trickle();
  // Two peers that are idle, one after the other, measure the time.
  for (let i = 1; i <= 2; i++) {
    await using idle = await transport.connect(server.addr);
    assertEquals(await idle.recv(), null);
    await until(() => summaries.length === i);
  }
  over = true;
  await trickling;
});

testEachTransport("a slow reader is not idle", async (transport) => {
  const { summaries, options } = recordCallbacks();
  const all = { ...transport.listenOptions(), ...options, idleTimeout: IDLE };
  await using server = await serve(all, flood);
  await using slow = await transport.connect(server.addr);
  await using _stuck = await transport.connect(server.addr);
  while (summaries.length === 0) {
    await recvExactly(slow, 65536);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert(isTimeout(summaries[0]));
  await recvExactly(slow, 16 * 1024 * 1024);
  assertEquals(summaries.length, 1);
});

testEachTransport("an idleTimeout of 0 is none", async (transport) => {
  const at = transport.listenOptions;
  await using patient = await serve({ ...at(), idleTimeout: 0 }, echo);
  await using hasty = await serve({ ...at(), idleTimeout: 50 }, echo);
  await using idle = await transport.connect(patient.addr);
  await using clock = await transport.connect(hasty.addr);
  assertEquals(await clock.recv(), null);
  await exchange(idle, "still here");
});

testEachTransport("filter decides by the peer's address", async (transport) => {
  const asked: Address[] = [];
  const filter = (addr: Address) => asked.push(addr) > 1;
  const { summaries, options } = recordCallbacks();
  const all = { ...transport.listenOptions(), ...options, filter };
  await using server = await serve(all, echo);
  await using unwelcome = await transport.connect(server.addr);
  assertEquals(await unwelcome.recv(), null);
  await using welcome = await transport.connect(server.addr);
  await exchange(welcome, "welcome");
  assertEquals(asked, [unwelcome.localAddr, welcome.localAddr]);
  const { accepted, rejected } = server.stats();
  assertEquals([accepted, rejected], [1, 1]);
  assertEquals(summaries, []);
});

testEachTransport(
  "filter may take its time, others do not wait",
  async (transport) => {
    const verdict = Promise.withResolvers<boolean>();
    const answers = [verdict.promise, Promise.resolve(true)];
    const filter = () => answers.shift() ?? false;
    await using server = await serve(
      { ...transport.listenOptions(), filter },
      echo,
    );
    await using first = await transport.connect(server.addr);
    await until(() => answers.length === 1);
    await using second = await transport.connect(server.addr);
    await exchange(second, "second");
    verdict.resolve(false);
    assertEquals(await first.recv(), null);
    assertEquals(server.stats().rejected, 1);
  },
);

testEachTransport(
  "a filter that fails rejects the client",
  async (transport) => {
    const fault = new Error("From filter");
    let served = 0;
    const throwing = () => {
      throw fault;
    };
    for (const filter of [throwing, () => Promise.reject(fault)]) {
      const { errors, options } = recordCallbacks();
      const all = { ...transport.listenOptions(), ...options, filter };
      await using server = await serve(all, () => void served++);
      await using client = await transport.connect(server.addr);
      assertEquals(await client.recv(), null);
      assertEquals(errors, [fault]);
      const { accepted, rejected, active } = server.stats();
      assertEquals([accepted, rejected, active], [0, 1, 0]);
    }
    assertEquals(served, 0);
  },
);

testEachTransport(
  "a client that was closed meanwhile is not served",
  async (transport) => {
    const verdict = Promise.withResolvers<boolean>();
    const asked = Promise.withResolvers<void>();
    let served = 0;
    const filter = async () => {
      asked.resolve();
      return await verdict.promise;
    };
    await using server = await serve(
      { ...transport.listenOptions(), filter },
      () => void served++,
    );
    await using client = await transport.connect(server.addr);
    await asked.promise;
    await server.shutdown({ timeout: 0 });
    assertEquals(await client.recv(), null);
    verdict.resolve(true);
    // What follows from the verdict happens before a timer.
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(served, 0);
    assertEquals(server.stats().accepted, 0);
  },
);
