// The two servers: echo and greeting.
import { describe, it } from "node:test";
import {
  type Connection,
  type Greeting,
  greeting,
  listen,
  serve,
  serveEcho,
  serveGreeting,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import { output, python, start } from "../support/programs.ts";
import { exchange } from "../support/servers.ts";
import {
  portOf,
  testEachTransport,
  transports,
} from "../support/transports.ts";
import { until } from "../support/wait.ts";

const MiB = 1024 * 1024;

testEachTransport("echo sends back 4 MiB, byte for byte", async (transport) => {
  const data = pattern(4 * MiB);
  await using server = await serveEcho(transport.listenOptions());
  await using client = await transport.connect(server.addr);
  const [echoed] = await Promise.all([
    recvAll(client),
    client.send(data).then(() => client.closeWrite()),
  ]);
  assertSameBytes(echoed, data);
  await until(() => server.stats().active === 0);
  const { bytesReceived, bytesSent } = server.stats();
  assertEquals([bytesReceived, bytesSent], [data.length, data.length]);
});

testEachTransport("echo keeps many conversations apart", async (transport) => {
  await using server = await serveEcho(transport.listenOptions());
  await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    await using client = await transport.connect(server.addr);
    for (let turn = 1; turn <= 20; turn++) {
      const data = pattern(turn * 500, i * 20 + turn);
      await client.send(data);
      assertSameBytes(await recvExactly(client, data.length), data);
    }
  }));
});

testEachTransport("echo ends when the peer ends at once", async (transport) => {
  await using server = await serveEcho(transport.listenOptions());
  await using client = await transport.connect(server.addr);
  await client.closeWrite();
  assertEquals(await client.recv(), null);
  await until(() => server.stats().active === 0);
});

testEachTransport(
  "echo outlives a client that drops the reply",
  async (transport) => {
    await using server = await serveEcho(transport.listenOptions());
    await using other = await transport.connect(server.addr);
    await exchange(other, "before");
    const client = await transport.connect(server.addr);
    const sending = client.send(pattern(64 * MiB)).catch(() => {});
    await client.recv(1);
    await client.close();
    await sending;
    await until(() => server.stats().active === 1);
    await exchange(other, "after");
  },
);

it("echo outlives a client that resets", async () => {
  const reset = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
s.sendall(b"hello")
s.recv(1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
`;
  const errors: unknown[] = [];
  const onDisconnect = ({ error }: { error?: unknown }) =>
    void errors.push(error);
  await using server = await serveEcho({ port: 0, onDisconnect });
  await using other = await transports[0].connect(server.addr);
  await exchange(other, "before");
  await output(python(reset, portOf(server.addr)));
  await until(() => errors.length > 0);
  assert(String(errors[0]).includes("ECONNRESET"), String(errors[0]));
  await exchange(other, "after");
});

describe("a greeting is sent on connect", () => {
  const bytes = pattern(MiB);
  const messages: [string, Greeting, Uint8Array][] = [
    ["text", "Grüß Gott\n", new TextEncoder().encode("Grüß Gott\n")],
    ["bytes", bytes, bytes],
    ["nothing", "", new Uint8Array()],
    ["a function", () => bytes, bytes],
    ["an async function", () => Promise.resolve(bytes), bytes],
  ];
  for (const [name, message, expected] of messages) {
    testEachTransport(name, async (transport) => {
      const options = { ...transport.listenOptions(), message };
      await using server = await serveGreeting(options);
      await using client = await transport.connect(server.addr);
      assertSameBytes(await recvAll(client), expected);
      await client.closeWrite();
    });
  }
});

testEachTransport(
  "a greeting may depend on the connection",
  async (transport) => {
    const received: unknown[] = [];
    const message = (conn: Connection, first?: Uint8Array) => {
      received.push(conn.remoteAddr, first);
      return `hello`;
    };
    const options = { ...transport.listenOptions(), message };
    await using server = await serveGreeting(options);
    await using client = await transport.connect(server.addr);
    assertEquals(text(await recvAll(client)), "hello");
    assertEquals(received, [client.localAddr, undefined]);
    await client.closeWrite();
  },
);

testEachTransport(
  "a greeting may answer the first message",
  async (transport) => {
    const message = (_: Connection, first?: Uint8Array) =>
      `Hello, ${text(first ?? null)}!`;
    await using server = await serveGreeting({
      ...transport.listenOptions(),
      message,
      when: "message",
    });
    await using client = await transport.connect(server.addr);
    await client.send("Ada");
    assertEquals(text(await recvAll(client)), "Hello, Ada!");
    await client.closeWrite();
  },
);

testEachTransport('when: "message" waits for one', async (transport) => {
  const order: string[] = [];
  await using server = await serveGreeting({
    ...transport.listenOptions(),
    message: () => {
      order.push("greeted");
      return "hello";
    },
    when: "message",
    onConnect: () => void order.push("connected"),
    onMessage: (data) => void order.push(text(data)),
  });
  await using client = await transport.connect(server.addr);
  await until(() => order.length > 0);
  await client.send("first");
  assertEquals(text(await recvAll(client)), "hello");
  assertEquals(order, ["connected", "first", "greeted"]);
  await client.closeWrite();
});

testEachTransport(
  "a client that ends without a word is not greeted",
  async (transport) => {
    const received: Uint8Array[] = [];
    await using server = await serveGreeting({
      ...transport.listenOptions(),
      message: "hello",
      when: "message",
      onMessage: (data) => void received.push(data),
    });
    await using client = await transport.connect(server.addr);
    await client.closeWrite();
    assertEquals(await client.recv(), null);
    await until(() => server.stats().active === 0);
    assertEquals(received, []);
  },
);

for (const when of ["connect", "message"] as const) {
  testEachTransport(
    `onMessage gets everything, when: "${when}"`,
    async (transport) => {
      const data = pattern(MiB);
      let received = 0;
      let matches = true;
      let busy = false;
      await using server = await serveGreeting({
        ...transport.listenOptions(),
        message: "hello",
        when,
        async onMessage(chunk, conn) {
          assertEquals(busy, false, "The next message did not wait");
          busy = true;
          await Promise.resolve(conn);
          for (const byte of chunk) matches &&= byte === data[received++];
          busy = false;
        },
      });
      await using client = await transport.connect(server.addr);
      await client.send(data);
      assertEquals(text(await recvAll(client)), "hello");
      await client.closeWrite();
      await until(() => server.stats().active === 0);
      assertEquals([received, matches], [data.length, true]);
    },
  );
}

testEachTransport(
  "what onMessage throws goes to onError",
  async (transport) => {
    const fault = new Error("From onMessage");
    const errors: unknown[] = [];
    await using server = await serveGreeting({
      ...transport.listenOptions(),
      message: "hello",
      onMessage: () => Promise.reject(fault),
      onError: (error) => void errors.push(error),
    });
    await using client = await transport.connect(server.addr);
    assertEquals(text(await recvAll(client)), "hello");
    await client.send("boo");
    await until(() => errors.length > 0);
    assertEquals(errors, [fault]);
  },
);

testEachTransport(
  "a greeting survives what the peer sends first",
  async (transport) => {
    const said = Promise.withResolvers<void>();
    const hello = greeting("hello");
    await using server = await serve(
      transport.listenOptions(),
      async (conn, context) => {
        await hello(conn, context);
        said.resolve();
      },
    );
    await using client = await transport.connect(server.addr);
    await client.send(pattern(MiB));
    await said.promise;
    await client.send(pattern(MiB));
    assertEquals(text(await recvAll(client)), "hello");
    await client.closeWrite();
  },
);

it("Python reads the greeting after a megabyte of its own", async () => {
  const talkative = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
s.sendall(b"x" * (1 << 19))
print("sent", flush=True)
sys.stdin.readline()
s.sendall(b"x" * (1 << 19))
got = b""
while data := s.recv(65536):
    got += data
s.sendall(b"and more")
s.close()
print(got.decode())
`;
  let through = false;
  const hello = greeting("hello");
  await using server = await serve({ port: 0 }, async (conn, context) => {
    await hello(conn, context);
    through = true;
  });
  await using peer = start(python(talkative, portOf(server.addr)));
  assertEquals(await peer.line(), "sent");
  await until(() => through);
  peer.process.stdin?.write("\n");
  const { stdout, stderr, status } = await peer.ended;
  assertEquals([stdout, stderr, status], ["sent\nhello\n", "", 0]);
});

describe("wrong arguments of a greeting are refused", () => {
  const wrong: [string, object][] = [
    ["no message", {}],
    ["a number", { message: 42 }],
    ["null", { message: null }],
    ["an array", { message: [104, 105] }],
    ["when", { message: "hi", when: "later" }],
    ["onMessage", { message: "hi", onMessage: "log" }],
  ];
  for (const [name, options] of wrong) {
    it(name, async () => {
      const message: unknown = Reflect.get(options, "message");
      await assertRejects(
        // deno-lint-ignore require-await
        async () => Reflect.apply(greeting, null, [message, options]),
        TypeError,
      );
      const listener = await listen({ port: 0 });
      const place = transports[0].listenOptions(listener.addr);
      await listener.close();
      const all = { ...place, ...options };
      await assertRejects(
        () => Reflect.apply(serveGreeting, null, [all]),
        TypeError,
      );
      await using again = await listen(place);
      assertEquals(again.addr, listener.addr);
    });
  }
});
