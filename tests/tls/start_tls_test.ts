// What `startTls` promises, on both sides and every runtime.
import { it } from "node:test";
import {
  connect,
  type Connection,
  listen,
  SocketError,
  type StartTlsOptions,
} from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import type { Certificates } from "../support/certificates.ts";
import { python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

interface Ends extends AsyncDisposable {
  client: Connection;
  server: Connection;
}

/** A pair that has said hello in plain text. */
async function plainPair(): Promise<Ends> {
  await using listener = await listen({ port: 0 });
  const [client, server] = await Promise.all([
    connect({ hostname: "localhost", port: listener.addr.port }),
    listener.accept(),
  ]);
  await client.send("STARTTLS\n");
  assertEquals(text(await server.recvUntil("\n")), "STARTTLS\n");
  await server.send("220 ready\n");
  assertEquals(text(await client.recvUntil("\n")), "220 ready\n");
  return {
    client,
    server,
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), server.close()]);
    },
  };
}

async function securePair(
  { server, ca }: Certificates,
  more: Partial<StartTlsOptions> = {},
): Promise<Ends & { spent: Ends }> {
  const spent = await plainPair();
  const [secureServer, secureClient] = await Promise.all([
    spent.server.startTls({ ...server, serverSide: true }),
    spent.client.startTls({ caCerts: [ca], ...more, serverSide: false }),
  ]);
  return {
    spent,
    client: secureClient,
    server: secureServer,
    async [Symbol.asyncDispose]() {
      await Promise.all([secureClient.close(), secureServer.close()]);
    },
  };
}

testTls("both sides go on over TLS", async (made) => {
  await using ends = await securePair(made);
  const { client, server, spent } = ends;
  assertEquals(client.tls?.protocol, "TLSv1.3");
  assertEquals(client.tls?.serverName, "localhost");
  assertEquals(client.remoteAddr, spent.client.remoteAddr);
  assertEquals(server.localAddr, spent.server.localAddr);
  await client.send("one\ntwo\n");
  assertEquals(text(await server.recvUntil("\n")), "one\n");
  assertEquals(text(await server.recvExactly(4)), "two\n");
  const data = pattern(3_000_000);
  const echoing = server.pipeTo(server);
  const sent = client.send(data).then(() => client.closeWrite());
  assertSameBytes(await recvAll(client), data);
  await Promise.all([echoing, sent]);
});

testTls("a side that has ended can still receive", async (made) => {
  await using ends = await securePair(made);
  const { client, server } = ends;
  await client.closeWrite();
  assertEquals(await server.recv(), null);
  await server.send("after your end");
  await server.closeWrite();
  assertEquals(text(await recvAll(client)), "after your end");
});

testTls("the connection of before is spent", async (made) => {
  await using ends = await securePair(made);
  for (const spent of [ends.spent.client, ends.spent.server]) {
    await assertRejectsWith("EBADF", () => spent.recv());
    await assertRejectsWith("EBADF", () => spent.send("x"));
    await assertRejectsWith("EBADF", () => spent.closeWrite());
    await assertRejectsWith("EBADF", () => spent.startTls());
    await spent.close();
  }
  await ends.client.send("still open");
  assertEquals(text(await ends.server.recv()), "still open");
  await assertRejectsWith("ENOTSUP", () => ends.client.startTls());
});

testTls("what was received belongs to the handshake", async (made) => {
  // CVE-2021-23222: words of before are never taken for encrypted ones.
  await using ends = await plainPair();
  const { client, server } = ends;
  await client.send("EHLO\nforged\n");
  assertEquals(text(await server.recvUntil("\n")), "EHLO\n");
  const starting = server.startTls({ ...made.server, serverSide: true });
  await assertRejectsWith("EPROTO", () => starting);
  await using again = await plainPair();
  await again.server.send("250 ok\nforged\n");
  assertEquals(text(await again.client.recvUntil("\n")), "250 ok\n");
  const options = { caCerts: [made.ca] };
  await assertRejectsWith("EPROTO", () => again.client.startTls(options));
});

testTls("a hello that came with the words before it counts", async (made) => {
  await using listener = await listen({ port: 0 });
  // A client that does not wait, as one behind a proxy's header.
  await using middle = await listen({ port: 0 });
  const relaying = (async () => {
    await using front = await middle.accept();
    await using back = await connect({ port: listener.addr.port });
    const hello = await front.recv();
    await back.send(["GO\n", hello ?? ""]);
    await Promise.all([front.pipeTo(back), back.pipeTo(front)]);
  })();
  const connecting = connect({
    port: portOf(middle.addr),
    tls: { caCerts: [made.ca] },
  });
  await using plain = await listener.accept();
  assertEquals(text(await plain.recvUntil("\n")), "GO\n");
  await using server = await plain.startTls({
    ...made.server,
    serverSide: true,
  });
  await using client = await connecting;
  await client.send("hello");
  assertEquals(text(await server.recv()), "hello");
  await server.send("there");
  assertEquals(text(await client.recv()), "there");
  await Promise.all([client.close(), server.close()]);
  await relaying.catch(({ code }) => assertEquals(code, "ECONNRESET"));
});

testTls("a pending call is EBUSY, and goes on", async (made) => {
  await using ends = await plainPair();
  const { client, server } = ends;
  const receiving = client.recv();
  await assertRejectsWith("EBUSY", () => client.startTls());
  await server.send("unharmed");
  assertEquals(text(await receiving), "unharmed");
  const sending = client.send(pattern(32 << 20));
  await assertRejectsWith("EBUSY", () => client.startTls());
  const aborted = assertRejectsWith("EBADF", () => sending);
  await client.close();
  await aborted;
  await assertRejectsWith("EBADF", () => client.startTls());
  await using others = await plainPair();
  await others.client.closeWrite();
  const options = { ...made.server, serverSide: true } as const;
  await assertRejectsWith("EPIPE", () => others.client.startTls(options));
});

testTls("a certificate that is not trusted is EPROTO", async (made) => {
  await using ends = await plainPair();
  const serving = ends.server.startTls({ ...made.server, serverSide: true });
  const failed = serving.then((conn) => conn.recv()).catch(({ code }) => code);
  const { client } = ends;
  const error = await assertRejectsWith(
    "EPROTO",
    () => client.startTls({ caCerts: [made.otherCa] }),
  );
  assertEquals(error.reason, "unknown-ca");
  const code = await failed;
  assert(code === null || code === "EPROTO" || code === "ECONNRESET", code);
  await assertRejectsWith("EBADF", () => client.recv());
});

testTls("the name to verify may be another", async (made) => {
  await using ends = await plainPair();
  const serving = ends.server.startTls({ ...made.server, serverSide: true });
  const failed = serving.then((conn) => conn.recv()).catch(() => null);
  const options = { caCerts: [made.ca], serverName: "other.example" };
  const error = await assertRejectsWith(
    "EPROTO",
    () => ends.client.startTls(options),
  );
  assertEquals(error.reason, "wrong-name");
  await failed;
});

testTls("an abort closes it", async (made) => {
  for (const options of [{ caCerts: [made.ca] }, undefined]) {
    await using ends = await plainPair();
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    const starting = options === undefined
      ? ends.server.startTls({ ...made.server, serverSide: true, signal })
      : ends.client.startTls({ ...options, signal });
    const rejected = assertRejects(() => starting, Error);
    // Its handshake, if it is a client's, has come.
    if (options !== undefined) await ends.server.recvExactly(5);
    controller.abort(reason);
    assertEquals(await rejected, reason);
    const peer = options === undefined ? ends.client : ends.server;
    await recvAll(peer).catch(({ code }) => assertEquals(code, "ECONNRESET"));
  }
});

testTls("an abort or a close at once ends it", async (made) => {
  const asClient = { caCerts: [made.ca] };
  const asServer = { ...made.server, serverSide: true } as const;
  for (const options of [asClient, asServer]) {
    for (const call of ["abort", "close", "reset"] as const) {
      await using ends = await plainPair();
      const controller = new AbortController();
      const reason = new Error("enough");
      const { signal } = controller;
      const rejected = assertRejects(
        () => ends.client.startTls({ ...options, signal }),
        Error,
      );
      if (call === "abort") controller.abort(reason);
      else await ends.client[call]();
      const error = await rejected;
      if (call === "abort") assertEquals(error, reason);
      else assertEquals(error instanceof SocketError && error.code, "EBADF");
      await recvAll(ends.server)
        .catch(({ code }) => assertEquals(code, "ECONNRESET"));
    }
  }
});

it("wrong options are refused, and change nothing", async () => {
  await using ends = await plainPair();
  const { client, server } = ends;
  // @ts-expect-error: misspelt
  await assertRejects(() => client.startTls({ ca: [] }), TypeError);
  // @ts-expect-error: no certificate
  await assertRejects(() => server.startTls({ serverSide: true }), TypeError);
  // An accepted connection has no name to verify.
  await assertRejects(() => server.startTls(), TypeError);
  await client.send("unharmed");
  assertEquals(text(await server.recv()), "unharmed");
});

testTls("Python's client and server upgrade with us", async (made) => {
  const script = `
import ssl
role, port, ca = args
context = ssl.create_default_context(cadata=ca)
with socket.create_connection(("127.0.0.1", int(port))) as sock:
    sock.sendall(b"STARTTLS\\n")
    assert sock.recv(100) == b"ready\\n"
    with context.wrap_socket(sock, server_hostname="localhost") as secured:
        secured.sendall(b"from Python\\n")
        print(secured.recv(100).decode(), end="", flush=True)
`;
  await using listener = await listen({ port: 0 });
  const port = `${listener.addr.port}`;
  await using client = start(python(script, "client", port, made.ca));
  await using plain = await listener.accept();
  await plain.recvUntil("\n");
  await plain.send("ready\n");
  await using server = await plain.startTls({
    ...made.server,
    serverSide: true,
  });
  assertEquals(text(await server.recvUntil("\n")), "from Python\n");
  await server.send("from us\n");
  assertEquals(await client.line(), "from us");
});
