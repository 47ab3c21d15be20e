// What a listener reports of the handshakes that fail, by the hook that
// `serve` uses.
import {
  type Address,
  connect,
  type SocketError,
  type TcpListenOptions,
  type TlsConnectOptions,
  type TlsFailureReason,
  type TlsListenOptions,
} from "../../mod.ts";
import { bun } from "../../src/adapters/bun/runtime.ts";
import { deno } from "../../src/adapters/deno/runtime.ts";
import { node } from "../../src/adapters/node/runtime.ts";
import { AcceptQueue } from "../../src/net/accept_queue.ts";
import type { ListenerHandle } from "../../src/net/adapter.ts";
import { checkListen } from "../../src/net/validate.ts";
import { WaitQueue } from "../../src/net/wait_queue.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import { testTls } from "../support/tls.ts";
import { portOf } from "../support/transports.ts";

type Rejection = [addr: Address, error: SocketError];

/** Listens by the adapter of this runtime, and collects what it rejects. */
async function listenAndReport(options: TcpListenOptions): Promise<{
  handle: ListenerHandle;
  queue: AcceptQueue;
  next(): Promise<Rejection>;
}> {
  const adapter = [deno, bun, node].find(({ isCurrent }) => isCurrent);
  const rejected = new WaitQueue<Rejection>(100);
  const queue = new AcceptQueue(10);
  queue.onReject = (...rejection) => void rejected.put(rejection);
  const handle = await adapter!.listen(checkListen(options), queue);
  queue.take().catch(() => {});
  handle.acceptStart?.();
  return { handle, queue, next: () => rejected.take() };
}

async function closeAll(
  { handle, queue }: { handle: ListenerHandle; queue: AcceptQueue },
): Promise<void> {
  queue.close(() => new Error("The end of the test"));
  await handle.close();
}

/** A client that never starts its handshake; it takes ten seconds. */
async function late(tls: TlsListenOptions): Promise<[string, SocketError][]> {
  const ways = [{}, { sni: () => undefined }];
  return await Promise.all(ways.map(async (way) => {
    const listener = await listenAndReport({
      port: 0,
      tls: { ...tls, ...way },
    });
    await using conn = await connect({ port: portOf(listener.handle.addr) });
    const [addr, error] = await listener.next();
    assertEquals(addr, conn.localAddr);
    await closeAll(listener);
    return [error.code, error];
  }));
}

const waiting = certificates && late(certificates.server);
// The test that awaits it reports it.
waiting?.catch(() => {});

testTls("a failed handshake is reported with its reason", async (made) => {
  const { ca, server, stranger, foreign, expired, early } = made;
  const caCerts = [ca];
  const cases: [
    TlsFailureReason,
    Partial<TlsListenOptions>,
    TlsConnectOptions | string,
  ][] = [
    ["not-tls", {}, "GET / HTTP/1.1\r\n\r\n"],
    ["not-tls", {}, "EHLO localhost\r\n"],
    ["handshake", {}, ""],
    ["handshake", {}, { caCerts: [] }],
    ["alpn", { alpnProtocols: ["h2"] }, { caCerts, alpnProtocols: ["parley"] }],
    ["no-client-certificate", { clientAuth: "require", caCerts }, { caCerts }],
    ["unknown-ca", { clientAuth: "require", caCerts }, { caCerts, ...foreign }],
    ["unknown-ca", { clientAuth: "request", caCerts }, { caCerts, ...foreign }],
    ["expired", { clientAuth: "require", caCerts }, { caCerts, ...expired }],
    ["expired", { clientAuth: "request", caCerts }, { caCerts, ...early }],
  ];
  for (const [reason, options, client] of cases) {
    for (const way of [{}, { sni: () => undefined }]) {
      const tls = { ...server, ...options, ...way };
      const listener = await listenAndReport({ port: 0, tls });
      const port = portOf(listener.handle.addr);
      const what = JSON.stringify([reason, options.clientAuth, way, client])
        .slice(0, 100);
      let local: Address | undefined;
      if (typeof client === "string") {
        const conn = await connect({ port });
        local = conn.localAddr;
        if (client !== "") await conn.send(client);
        else await conn.close();
        const [addr, error] = await listener.next();
        assertReported(addr, error, local, reason, what);
        await conn.close();
      } else {
        const conn = await connect({
          port,
          tls: { serverName: "localhost", ...client },
        }).catch(() => undefined);
        const [addr, error] = await listener.next();
        assertReported(addr, error, conn?.localAddr, reason, what);
        await conn?.close();
      }
      await closeAll(listener);
    }
  }
  // An sni that throws.
  const sni = () => {
    throw new Error("no such name");
  };
  const listener = await listenAndReport({ port: 0, tls: { ...server, sni } });
  const port = portOf(listener.handle.addr);
  const tls = { caCerts, serverName: "localhost", ...stranger };
  await connect({ port, tls }).catch(() => undefined);
  const [, error] = await listener.next();
  assertEquals([error.code, error.reason], ["EPROTO", "handshake"]);
  assertEquals((error.cause as Error).message, "no such name");
  await closeAll(listener);
});

function assertReported(
  addr: Address,
  error: SocketError,
  local: Address | undefined,
  reason: TlsFailureReason,
  what: string,
): void {
  // A client that is gone may show as a reset.
  if (reason === "handshake" && error.code === "ECONNRESET") return;
  assertEquals([error.code, error.reason], ["EPROTO", reason], what);
  if (local !== undefined) assertEquals(addr, local, what);
  assert(
    error.message.startsWith("Cannot accept 127.0.0.1:"),
    `${what}: ${error.message}`,
  );
}

testTls("a late handshake is reported as ETIMEDOUT", async () => {
  for (const [code, error] of await waiting ?? []) {
    assertEquals(code, "ETIMEDOUT", error.message);
  }
});

testTls("handshakes that the close ends are not reported", async (made) => {
  const listener = await listenAndReport({ port: 0, tls: made.server });
  let count = 0;
  listener.queue.onReject = () => void count++;
  await using _silent = await connect({ port: portOf(listener.handle.addr) });
  await closeAll(listener);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(count, 0);
});
