// Peers that reset their connection, at every stage of its life.
import {
  connect,
  type Connection,
  type Handler,
  listen,
  type Listener,
  serve,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { notLinux } from "../support/platform.ts";
import { exchange, reach } from "../support/servers.ts";
import { startCutter } from "../support/raw_peer.ts";
import {
  assertRejectsWith,
  behaves as everywhere,
  pair,
  pattern,
  type Program,
  recvExactly,
  text,
  type Transport,
  transports,
  until,
} from "../support/support.ts";

const TOO_MUCH = pattern(32 * 1024 * 1024);

const resettable = notLinux()
  ? transports.filter(({ name }) => name !== "Unix")
  : transports;

function behaves(
  behaviour: string,
  test: (transport: Transport) => Promise<void>,
): void {
  everywhere(behaviour, test, resettable);
}

/** On Unix it is the unread byte which makes a close a reset. */
const CUT = `
s = secured(reach(), False)
s.sendall(b"ready")
sys.stdin.readline()
cut(s)
print("cut", flush=True)
`;

/** A connection whose peer is ready to cut it. */
async function toBeCut(
  transport: Transport,
): Promise<
  { conn: Connection; cut(): Promise<void> } & AsyncDisposable
> {
  const listener = await listen(transport.listenOptions());
  const peer = startCutter(transport.name, listener.addr, CUT);
  const conn = await listener.accept();
  assertEquals(text(await recvExactly(conn, 5)), "ready");
  return {
    conn,
    cut: () => cut(peer),
    async [Symbol.asyncDispose]() {
      await Promise.all([conn.close(), listener.close()]);
      await peer[Symbol.asyncDispose]();
    },
  };
}

async function cut(peer: Program): Promise<void> {
  peer.process.stdin?.write("\n");
  assertEquals(await peer.line(), "cut");
}

function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(() => "none", (error) => {
    if (error instanceof SocketError) return error.code;
    throw error;
  });
}

/** Accepts until the honest one comes; the others have been cut. */
async function acceptHonest(listener: Listener): Promise<number> {
  for (let others = 0;; others++) {
    await using conn = await listener.accept();
    const said = await conn.recv().then(text, ({ code }) => code);
    if (said === "honest") return others;
    assert(["ECONNRESET", ""].includes(said), said);
  }
}

behaves("a reset before accept costs nobody else", async (transport) => {
  await using listener = await listen(transport.listenOptions());
  const script = `
for _ in range(int(args[2])):
    cut(reach())
print("cut", flush=True)
`;
  await using peer = startCutter(
    transport.name,
    listener.addr,
    script,
    20,
  );
  assertEquals(await peer.line(), "cut");
  await using client = await connect(transport.connectOptions(listener.addr));
  await client.send("honest");
  const since = performance.now();
  assert(await acceptHonest(listener) <= 20);
  const waited = Math.round(performance.now() - since);
  assert(waited < 2000, `Accepted after ${waited} ms`);
});

behaves("a reset after accept is ECONNRESET for all calls", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  await conn.send("unread");
  await ends.cut();
  await assertRejectsWith("ECONNRESET", () => conn.recv());
  await assertRejectsWith("ECONNRESET", () => conn.recv());
  await assertRejectsWith("ECONNRESET", () => conn.send("late"));
  await assertRejectsWith("ECONNRESET", () => conn.pipeTo(conn));
  await conn.closeWrite();
  await conn.close();
  await assertRejectsWith("EBADF", () => conn.recv());
});

behaves("a reset ends a recv that waits", async (over) => {
  await using ends = await toBeCut(over);
  const waiting = codeOf(ends.conn.recv());
  await ends.conn.send("unread");
  await ends.cut();
  assertEquals(await waiting, "ECONNRESET");
});

/**
 * A sender hears of a reset as such, or as a broken pipe: on a Unix socket the
 * kernel says so, elsewhere where the reset has been told already.
 */
function assertCut(code: string): void {
  assert(["ECONNRESET", "EPIPE"].includes(code), code);
}

behaves("a reset ends sends that wait", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  const sends = [conn.send(TOO_MUCH), conn.send("queued")].map(codeOf);
  await until(() => conn.bytesSent > 0);
  await ends.cut();
  (await Promise.all(sends)).forEach(assertCut);
  await assertRejectsWith("ECONNRESET", () => conn.recv());
  assert(conn.bytesSent < TOO_MUCH.length);
});

behaves("a reset ends a recv and a send at once", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  const calls = [codeOf(conn.recv()), codeOf(conn.send(TOO_MUCH))];
  await until(() => conn.bytesSent > 0);
  await ends.cut();
  assertEquals(await Promise.all(calls), ["ECONNRESET", "ECONNRESET"]);
});

behaves("a reset ends a closeWrite that waits", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  const sent = codeOf(conn.send(TOO_MUCH));
  const ended = codeOf(conn.closeWrite());
  await until(() => conn.bytesSent > 0);
  await ends.cut();
  assertCut(await sent);
  // A FIN to nobody may pass for sent.
  if (await ended !== "none") assertCut(await ended);
});

/** The reset comes at any moment of the sends. */
const CUT_OFTEN = `
import random, time
for _ in range(int(args[2])):
    s = secured(reach(), False)
    s.sendall(b"half")
    time.sleep(random.random() * 0.004)
    cut(s)
`;

behaves("what a reset cuts off has no end, whoever meets it", async (over) => {
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
  // Some are gone before they are accepted.
  assert(ends.length > 50, `${ends.length}`);
});

behaves("a reset source ends pipeTo, not its destination", async (over) => {
  await using ends = await toBeCut(over);
  await using other = await pair(over);
  const piped = codeOf(ends.conn.pipeTo(other.client));
  await ends.conn.send("unread");
  await ends.cut();
  assertEquals(await piped, "ECONNRESET");
  await other.client.send("alive");
  assertEquals(text(await recvExactly(other.server, 5)), "alive");
});

behaves("a reset destination ends pipeTo, not its source", async (over) => {
  await using ends = await toBeCut(over);
  await using other = await pair(over);
  const piped = codeOf(other.server.pipeTo(ends.conn));
  const sent = codeOf(other.client.send(TOO_MUCH));
  await until(() => ends.conn.bytesSent > 0);
  await ends.cut();
  assertCut(await piped);
  await other.server.send("alive");
  assertEquals(text(await recvExactly(other.client, 5)), "alive");
  assert((await other.server.recv())?.length);
  await other.client.close();
  assert(["none", "EBADF"].includes(await sent));
});

behaves("a server that resets at once is an error, no hang", async (over) => {
  const script = `
l = socket.socket(socket.AF_UNIX if kind == "Unix" else
    socket.AF_INET6 if kind == "TCP/IPv6" else socket.AF_INET)
l.bind(place if kind == "Unix" else
    ("::1" if kind == "TCP/IPv6" else "127.0.0.1", 0))
l.listen()
print(place if kind == "Unix" else l.getsockname()[1], flush=True)
while True:
    s = l.accept()[0]
    s.recv(1)
    cut(s)
`;
  const options = over.listenOptions();
  const place = options.transport === "unix"
    ? { transport: "unix" as const, path: options.path }
    : { transport: "tcp" as const, hostname: "", port: 0 };
  await using peer = startCutter(over.name, place, script);
  const where = await peer.line();
  const addr = place.transport === "unix"
    ? place
    : { ...place, port: Number(where) };
  for (let i = 0; i < 10; i++) {
    if (over.name === "TLS") {
      const dial = () => connect(over.connectOptions(addr));
      await assertRejectsWith("ECONNRESET", dial);
      continue;
    }
    await using conn = await connect(over.connectOptions(addr));
    // All but one byte of it is left unread.
    await conn.send("unread");
    await assertRejectsWith("ECONNRESET", () => conn.recv());
  }
});

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
  behaves(`resets amid a handler's "${name}"`, async (transport) => {
    const errors: unknown[] = [];
    await using server = await serve({
      ...transport.listenOptions(),
      onError: (error) => void errors.push(error),
    }, handler);
    await using peer = startCutter(transport.name, server.addr, MANY, 25);
    assertEquals(await peer.line(), "here");
    await until(() => server.stats().accepted === 25);
    await cut(peer);
    await until(() => server.stats().active === 0);
    for (const error of errors) {
      assert(error instanceof SocketError);
      assert(["ECONNRESET", "EPIPE"].includes(error.code), error.code);
    }
    await using client = await reach(transport, server);
    if (name === "echo") await exchange(client, "still serving");
    await client.close();
    await until(() => server.stats().active === 0);
  });

  behaves(`a shutdown amid "${name}" survives resets`, async (transport) => {
    const options = { ...transport.listenOptions(), onError() {} };
    await using server = await serve(options, handler);
    await using peer = startCutter(transport.name, server.addr, MANY, 25);
    assertEquals(await peer.line(), "here");
    await until(() => server.stats().accepted === 25);
    const shutdown = server.shutdown();
    await cut(peer);
    await shutdown;
    assertEquals(server.stats().active, 0);
  });
}
