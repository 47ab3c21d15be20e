// Handlers of datagrams that take their time: how many may run at once.
import { describe, it } from "node:test";
import {
  bind,
  type DatagramServer,
  type DatagramSocket,
  serveDatagrams,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { ask } from "../support/udp.ts";
import { text } from "../support/bytes.ts";
import { until } from "../support/wait.ts";

/** The handlers that may run at once for datagrams without bytes. */
const AT_ONCE = 1024;
/** More than run at once and wait in the socket's queue. */
const FLOOD = 30_000;

/** Sends a datagram again and again, each after the one before was received. */
async function flood(
  socket: DatagramSocket,
  server: DatagramServer,
  data: Uint8Array | string,
): Promise<void> {
  const { addr } = server;
  const seen = () => server.stats().received + server.stats().dropped;
  const before = seen();
  for (let sent = 1; sent <= FLOOD; sent++) {
    await socket.sendTo(data, addr);
    // The kernel's own queue is short, and counts nowhere.
    if (sent % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
    if (server.stats().dropped > 0) break;
  }
  assert(seen() > before);
}

describe("handlers of datagrams that do not end", () => {
  it("are bounded; what comes beyond is dropped and counted", {
    timeout: 60_000,
  }, async () => {
    const gate = Promise.withResolvers<void>();
    await using server = await serveDatagrams(
      { port: 0, loopGuard: false },
      async (data) => {
        if (data.length === 0) await gate.promise;
        return data;
      },
    );
    await using socket = await bind({ port: 0 });
    await flood(socket, server, "");
    assertEquals(server.stats().received, AT_ONCE);
    assert(server.stats().dropped > 0);
    assertEquals(server.stats().sent, 0);
    gate.resolve();
    // It goes on, and loses none of those that waited in the queue.
    await until(() => server.stats().sent > 2 * AT_ONCE);
    await until(() => server.stats().received === server.stats().sent);
    assertEquals(text(await ask(server, "alive")), "alive");
  });

  it("hold few bytes of large datagrams", { timeout: 60_000 }, async () => {
    let held = 0;
    await using server = await serveDatagrams({ port: 0 }, (data) => {
      held += data.length;
      return new Promise(() => {});
    });
    await using socket = await bind({ port: 0 });
    await flood(socket, server, new Uint8Array(60_000));
    assert(held > 1024 * 1024 && held <= 4.1 * 1024 * 1024, `${held} bytes`);
  });

  it("do not keep a shutdown waiting", { timeout: 60_000 }, async () => {
    const server = await serveDatagrams(
      { port: 0 },
      () => new Promise(() => {}),
    );
    await using socket = await bind({ port: 0 });
    await flood(socket, server, "");
    await server.shutdown();
    await server.finished;
    await using _again = await bind({ port: server.addr.port });
  });

  it("count while their onError runs", { timeout: 60_000 }, async () => {
    let running = 0;
    await using server = await serveDatagrams({
      port: 0,
      onError: () => {
        running++;
        return new Promise(() => {});
      },
    }, () => {
      throw new Error("From the handler");
    });
    await using socket = await bind({ port: 0 });
    await flood(socket, server, "");
    assertEquals(running, AT_ONCE);
  });
});

it("a burst of async replies loses none", { timeout: 60_000 }, async () => {
  await using server = await serveDatagrams(
    { port: 0, loopGuard: false },
    async (data) => await Promise.resolve(data),
  );
  await using socket = await bind({ port: 0 });
  for (let i = 0; i < 20_000; i++) {
    await socket.sendTo(`${i}`, server.addr);
    assertEquals(text((await socket.recvFrom())[0]), `${i}`);
  }
  const { received, sent, dropped } = server.stats();
  assertEquals([received, sent, dropped], [20_000, 20_000, 0]);
});
