// `timeout` of `connect`: the same error on every runtime, and nothing stays.
import { createServer, type Server } from "node:net";
import { describe, it } from "node:test";
import { connect, type ConnectOptions, listen } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertRejectsWith,
  untyped,
} from "../support/assert.ts";
import { hasProc, sockets } from "../support/proc.ts";
import { silentPeer } from "../support/silent_peer.ts";
import { notLinux } from "../support/platform.ts";
import { until } from "../support/wait.ts";

const options = { timeout: 30_000 };
const linux = { ...options, skip: notLinux() };

async function assertTimesOut(where: ConnectOptions & { port: number }) {
  const start = performance.now();
  const error = await assertRejectsWith(
    "ETIMEDOUT",
    () => connect({ ...where, timeout: 100 }),
  );
  const elapsed = performance.now() - start;
  assert(elapsed > 90 && elapsed < 2000, `${elapsed} ms`);
  const { hostname = "127.0.0.1", port } = where as {
    hostname?: string;
    port: number;
  };
  assertEquals(
    error.message,
    `Cannot connect to ${hostname}:${port} (ETIMEDOUT): ` +
      "no connection after 100 ms",
  );
  assertEquals(error.cause, undefined);
}

describe("a connect that takes too long is ETIMEDOUT", () => {
  it("of a silent peer", linux, async () => {
    await using peer = await silentPeer();
    const { port } = peer;
    const before = hasProc ? sockets() : 0;
    await assertTimesOut({ port });
    await assertTimesOut({ port, hostname: "localhost" });
    await assertTimesOut({ port, signal: new AbortController().signal });
    if (hasProc) await until(() => sockets() <= before);
  });

  it("of a peer that is silent in its TLS handshake", options, async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server: Server = createServer((socket) => {
      socket.on("error", () => {});
      // The descriptor is freed, which the peer sees.
      socket.on("close", () => resolve());
      socket.resume();
    });
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const address = server.address();
    assert(address !== null && typeof address === "object");
    await assertTimesOut({ port: address.port, tls: true });
    await promise;
    server.close();
  });
});

it("an abort before the timeout is the signal's reason", linux, async () => {
  await using peer = await silentPeer();
  const reason = new Error("Enough");
  const controller = new AbortController();
  const connecting = connect({
    port: peer.port,
    timeout: 10_000,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(reason), 50);
  assertEquals(await connecting.catch((error) => error), reason);
});

it("a timeout has no effect on an open connection", options, async () => {
  await using listener = await listen({ port: 0 });
  const { port } = listener.addr;
  await using client = await connect({ port, timeout: 100 });
  await using server = await listener.accept();
  const late = client.recv();
  // A timer that was set later, and for as long, fires after the timeout's.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await server.send("late");
  assertEquals((await late)?.length, 4);
  await using _endless = await connect({ port, timeout: Infinity });
});

describe("a wrong timeout", () => {
  for (const timeout of [0, -1, NaN]) {
    it(`${timeout} is a RangeError`, async () => {
      await assertRejects(() => connect({ port: 1, timeout }), RangeError);
    });
  }
  for (const timeout of ["5", null, 5n]) {
    it(`${typeof timeout} is a TypeError`, async () => {
      const wrong = untyped<{ port: number }>({ port: 1, timeout });
      await assertRejects(() => connect(wrong), TypeError);
    });
  }
});
