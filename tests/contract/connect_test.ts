// How `connect` finds its peer, fails, and is aborted.
import { describe, it } from "node:test";
import { connect, listen } from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { notLinux } from "../support/platform.ts";
import { sockets } from "../support/proc.ts";
import { silentPeer } from "../support/silent_peer.ts";
import { pair } from "../support/transports.ts";
import { until } from "../support/wait.ts";

describe("faults have the same code on every runtime", () => {
  it("ECONNREFUSED where nothing listens", async () => {
    const listener = await listen({ port: 0 });
    const { port } = listener.addr;
    await listener.close();
    const error = await assertRejectsWith(
      "ECONNREFUSED",
      () => connect({ port }),
    );
    assert(error.message.includes(`127.0.0.1:${port}`), error.message);
    assert(error.cause instanceof Error);
    assertEquals(error.name, "SocketError");
  });
  it("ENOTFOUND for a name that does not resolve", async () => {
    const options = { hostname: "no-such-host.invalid", port: 80 };
    await assertRejectsWith("ENOTFOUND", () => listen(options));
    await assertRejectsWith("ENOTFOUND", () => connect(options));
  });
  it("EADDRNOTAVAIL for an address of another machine", async () => {
    const options = { hostname: "192.0.2.1", port: 0 };
    await assertRejectsWith("EADDRNOTAVAIL", () => listen(options));
  });
});

describe("names", () => {
  it("localhost is bound and reached as an IP", async () => {
    await using listener = await listen({ hostname: "localhost", port: 0 });
    const { hostname, port } = listener.addr;
    assert(["127.0.0.1", "::1"].includes(hostname), hostname);
    await using client = await connect({ hostname: "localhost", port });
    assertEquals(client.remoteAddr, listener.addr);
  });
  it("IPv6 may be written in brackets", async () => {
    await using listener = await listen({ hostname: "[::1]", port: 0 });
    const { port } = listener.addr;
    assertEquals(listener.addr.hostname, "::1");
    await using _client = await connect({ hostname: "[::1]", port });
  });
  it("nothing is exposed unless asked", async () => {
    await using listener = await listen({ port: 0 });
    assertEquals(listener.addr.hostname, "127.0.0.1");
  });
});

describe("an aborted connect", () => {
  it("rejects with the reason, before and meanwhile", async () => {
    const reason = new Error("Enough");
    await using listener = await listen({ port: 0 });
    const { port } = listener.addr;
    const late = connect({ port, signal: AbortSignal.abort(reason) });
    assertEquals(await late.catch((error) => error), reason);
    const controller = new AbortController();
    const meanwhile = connect({ port, signal: controller.signal });
    controller.abort(reason);
    assertEquals(await meanwhile.catch((error) => error), reason);
  });
  it("leaves no connection open", async () => {
    await using listener = await listen({ port: 0 });
    const controller = new AbortController();
    const aborted = connect({
      port: listener.addr.port,
      signal: controller.signal,
    }).catch(() => {});
    controller.abort();
    await aborted;
    const conn = await listener.accept({ signal: AbortSignal.timeout(300) })
      .catch(() => undefined);
    // It may have reached the listener, but its other end is closed.
    if (conn !== undefined) assertEquals(await conn.recv(), null);
    await conn?.close();
  });
  for (const tls of [undefined, true] as const) {
    const title = `frees its descriptor at once, ${tls ? "TLS" : "TCP"}`;
    it(title, { timeout: 30_000, skip: notLinux() }, async () => {
      await using silent = await silentPeer();
      const { port } = silent;
      const before = sockets();
      const controller = new AbortController();
      const { signal } = controller;
      const connecting = Array.from(
        { length: 10 },
        () => connect({ port, signal, tls }).catch((error) => error),
      );
      await until(() => sockets() >= before + 10);
      const aborted = performance.now();
      controller.abort(new Error("Enough"));
      for (const error of await Promise.all(connecting)) {
        assertEquals(error, signal.reason);
      }
      await until(() => sockets() <= before);
      const time = performance.now() - aborted;
      assert(time < 1000, `Freed after ${Math.round(time)} ms`);
    });
  }
  it("does not touch a connection that is there already", async () => {
    await using listener = await listen({ port: 0 });
    const controller = new AbortController();
    await using client = await connect({
      port: listener.addr.port,
      signal: controller.signal,
    });
    await using server = await listener.accept();
    controller.abort();
    await client.send("alive");
    assertEquals(text(await server.recv()), "alive");
  });
});

testContract("many connections at once keep apart", async (over) => {
  await using ends = await pair(over);
  const { listener } = ends;
  const serving = (async () => {
    for await (const conn of listener) {
      conn.pipeTo(conn).then(() => conn.close());
    }
  })();
  await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    await using conn = await over.connect(listener.addr);
    await conn.send(`client ${i}`);
    await conn.closeWrite();
    assertEquals(text(await recvAll(conn)), `client ${i}`);
  }));
  await listener.close();
  await serving;
});
