// Servers with clients that reset their connections.
import {
  type Connection,
  type Handler,
  serve,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import { notLinux } from "../support/platform.ts";
import { resetNow, startCutter } from "../support/raw_peer.ts";
import { exchange } from "../support/servers.ts";
import {
  testEachTransport,
  type Transport,
  transports,
} from "../support/transports.ts";
import { until } from "../support/wait.ts";

const TOO_MUCH = pattern(32 * 1024 * 1024);

const resettable = notLinux()
  ? transports.filter(({ name }) => name !== "Unix")
  : transports;

/** Tests it on every transport with a peer that can reset. */
function testReset(
  behaviour: string,
  test: (transport: Transport) => Promise<void>,
): void {
  testEachTransport(behaviour, test, resettable);
}

/** The reset comes at any moment of the sends, once the handler runs. */
const CUT_OFTEN = `
import random, time
for _ in range(int(args[2])):
    s = secured(reach(), False)
    s.sendall(b"half")
    s.recv(1)
    time.sleep(random.random() * 0.004)
    cut(s)
`;

testReset(
  "a connection cut by a reset never ends in order",
  async (over) => {
    // On Unix sockets a close in order breaks the pipe as well.
    if (over.name === "Unix") return;
    const ends: string[] = [];
    const handler = async (conn: Connection) => {
      const sent = (async () => {
        for (;;) await conn.send("reply");
      })().catch(() => {});
      try {
        while (await conn.recv() !== null);
        ends.push("an end");
      } catch (error) {
        ends.push(error instanceof SocketError ? error.code : String(error));
      }
      await sent;
    };
    await using server = await serve(over.listenOptions(), handler);
    await using peer = startCutter(over.name, server.addr, CUT_OFTEN, 100);
    assertEquals((await peer.ended).status, 0);
    await until(() => server.stats().active === 0);
    // A record of TLS may be cut in two, which is its fault.
    const faults = over.name === "TLS"
      ? ["ECONNRESET", "EPROTO"]
      : ["ECONNRESET"];
    assertEquals(ends.filter((end) => !faults.includes(end)), []);
    assertEquals(ends.length, 100);
  },
);

const handlers: Record<string, Handler> = {
  echo: (conn) => conn.pipeTo(conn),
  receive: async (conn) => {
    while (await conn.recv() !== null);
  },
  send: (conn) => conn.send(TOO_MUCH),
  return: () => {},
};

const MANY = `
many = [secured(reach(), False) for _ in range(int(args[2]))]
for s in many:
    s.sendall(b"x" * 1000)
print("here", flush=True)
sys.stdin.readline()
for s in many:
    cut(s)
print("cut", flush=True)
`;

for (const [name, handler] of Object.entries(handlers)) {
  testReset(`resets amid a handler's "${name}"`, async (transport) => {
    const errors: unknown[] = [];
    await using server = await serve({
      ...transport.listenOptions(),
      onError: (error) => void errors.push(error),
    }, handler);
    await using peer = startCutter(transport.name, server.addr, MANY, 25);
    assertEquals(await peer.line(), "here");
    await until(() => server.stats().accepted === 25);
    await resetNow(peer);
    await until(() => server.stats().active === 0);
    for (const error of errors) {
      assert(error instanceof SocketError);
      assert(["ECONNRESET", "EPIPE"].includes(error.code), error.code);
    }
    await using client = await transport.connect(server.addr);
    if (name === "echo") await exchange(client, "still serving");
    await client.close();
    await until(() => server.stats().active === 0);
  });

  testReset(
    `a shutdown amid "${name}" survives resets`,
    async (transport) => {
      const options = { ...transport.listenOptions(), onError() {} };
      await using server = await serve(options, handler);
      await using peer = startCutter(transport.name, server.addr, MANY, 25);
      assertEquals(await peer.line(), "here");
      await until(() => server.stats().accepted === 25);
      const shutdown = server.shutdown();
      await resetNow(peer);
      await shutdown;
      assertEquals(server.stats().active, 0);
    },
  );
}
