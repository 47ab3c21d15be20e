// What `pipeTo` promises.
import { testContract } from "../support/adapters.ts";
import {
  assert,
  assertEquals,
  assertRejectsWith,
  assertSameBytes,
} from "../support/assert.ts";
import {
  pattern,
  recvAll,
  recvExactly,
  text,
  TOO_MUCH,
} from "../support/bytes.ts";
import { pair } from "../support/transports.ts";
import { stalled, until } from "../support/wait.ts";

testContract(
  "pipeTo relays to the end, both ways, and ends the other",
  async (over) => {
    await using front = await pair(over);
    await using back = await pair(over);
    const proxied = Promise.all([
      front.server.pipeTo(back.client),
      back.client.pipeTo(front.server),
    ]);
    const [request, reply] = [pattern(3_000_000, 1), pattern(5_000_000, 2)];
    const sent = Promise.all([
      front.client.send(request).then(() => front.client.closeWrite()),
      back.server.send(reply).then(() => back.server.closeWrite()),
    ]);
    const [gotReply, gotRequest] = await Promise.all([
      recvAll(front.client),
      recvAll(back.server),
    ]);
    assertSameBytes(gotRequest, request);
    assertSameBytes(gotReply, reply);
    await sent;
    await proxied;
    assertEquals(front.server.bytesReceived, request.length);
    assertEquals(front.server.bytesSent, reply.length);
  },
);

testContract("pipeTo to itself is an echo", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const data = pattern(TOO_MUCH);
  const echoed = server.pipeTo(server);
  const sent = client.send(data).then(() => client.closeWrite());
  assertSameBytes(await recvAll(client), data);
  await Promise.all([sent, echoed]);
});

testContract("pipeTo starts with what is queued already", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  await client.send("queued");
  assertEquals(text(await server.recv(1)), "q");
  await client.closeWrite();
  await server.pipeTo(server);
  assertEquals(text(await recvAll(client)), "ueued");
});

testContract("pipeTo owns the receiving side", async (over) => {
  await using ends = await pair(over);
  const { client, server } = ends;
  const echoed = server.pipeTo(server);
  await assertRejectsWith("EBUSY", () => server.recv());
  await assertRejectsWith("EBUSY", () => server.pipeTo(server));
  await client.closeWrite();
  await echoed;
  assertEquals(await server.recv(), null);
});

testContract(
  "pipeTo with preventClose leaves the destination open",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const piped = from.server.pipeTo(to.client, { preventClose: true });
    await from.client.send("piped, ");
    await from.client.closeWrite();
    await piped;
    await to.client.send("and more");
    await to.client.closeWrite();
    assertEquals(text(await recvAll(to.server)), "piped, and more");
  },
);

testContract(
  "pipeTo holds the source back while the destination is full",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const data = pattern(3 * TOO_MUCH);
    const piped = from.server.pipeTo(to.client);
    const sent = from.client.send(data).then(() => from.client.closeWrite());
    await stalled(() => from.client.bytesSent);
    assert(from.client.bytesSent < data.length);
    assertSameBytes(await recvAll(to.server), data);
    await Promise.all([sent, piped]);
  },
);

testContract(
  "an aborted pipeTo rejects with the reason and loses no byte",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const controller = new AbortController();
    const reason = new Error("Enough");
    const piped = from.server.pipeTo(to.client, { signal: controller.signal })
      .catch((error) => error);
    await from.client.send("before ");
    assertEquals(text(await recvExactly(to.server, 7)), "before ");
    controller.abort(reason);
    assertEquals(await piped, reason);
    await from.client.send("after");
    await from.client.closeWrite();
    assertEquals(text(await recvAll(from.server)), "after");
    // The destination is still open, and nothing but the first went there.
    await to.client.send("end");
    await to.client.closeWrite();
    assertEquals(text(await recvAll(to.server)), "end");
  },
);

testContract(
  "pipeTo aborted in full flow passes every byte once",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const data = pattern(8 << 20);
    const sent = from.client.send(data).then(() => from.client.closeWrite());
    const got = recvAll(to.server);
    for (let more = true; more;) {
      const controller = new AbortController();
      const before = from.server.bytesReceived;
      const piped = from.server.pipeTo(to.client, {
        signal: controller.signal,
        preventClose: true,
      }).then(() => more = false, (error) => assertEquals(error, "stop"));
      until(() => !more || from.server.bytesReceived - before > 1 << 20)
        .then(() => controller.abort("stop"));
      await piped;
    }
    await to.client.closeWrite();
    await sent;
    assertSameBytes(await got, data);
  },
);

testContract(
  "pipeTo to a destination that is closed rejects",
  async (over) => {
    await using from = await pair(over);
    await using to = await pair(over);
    const piped = from.server.pipeTo(to.client).catch(({ code }) => code);
    await to.client.close();
    await from.client.send("nowhere to go");
    assertEquals(await piped, "EBADF");
    // The source is not to blame and goes on.
    await from.client.send("still here");
    assertEquals(text(await from.server.recv()).slice(0, 5), "still");
  },
);

testContract("close during pipeTo rejects it with EBADF", async (over) => {
  await using ends = await pair(over);
  const piped = ends.server.pipeTo(ends.server).catch(({ code }) => code);
  await ends.server.close();
  assertEquals(await piped, "EBADF");
});
