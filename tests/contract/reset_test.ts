// Peers that reset their connection, at every stage of its life.
import { describe, it } from "node:test";
import {
  type Connection,
  listen,
  type Listener,
  SocketError,
} from "../../mod.ts";
import { testContract } from "../support/adapters.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { pattern, recvExactly, text } from "../support/bytes.ts";
import { notLinux } from "../support/platform.ts";
import { output, python, start } from "../support/programs.ts";
import { resetNow, startCutter } from "../support/raw_peer.ts";
import { pair, type Transport } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const TOO_MUCH = pattern(32 * 1024 * 1024);

const unixResets = !notLinux();

/** Tests it on every transport with a peer that can reset. */
function testReset(
  behaviour: string,
  test: (transport: Transport) => Promise<void>,
): void {
  const canReset = ({ name }: Transport) => name !== "Unix" || unixResets;
  testContract(behaviour, test, canReset);
}

/** On Unix it is the unread byte which makes a close a reset. */
const CUT = `
s = secured(reach(), False)
s.sendall(b"ready")
sys.stdin.readline()
cut(s)
print("cut", flush=True)
`;

/** A connection, with a peer that is ready to cut it. */
async function toBeCut(
  transport: Transport,
): Promise<
  { conn: Connection; cut(): Promise<void> } & AsyncDisposable
> {
  const listener = await transport.listen();
  const peer = startCutter(transport.name, listener.addr, CUT);
  const conn = await listener.accept();
  assertEquals(text(await recvExactly(conn, 5)), "ready");
  return {
    conn,
    cut: () => resetNow(peer),
    async [Symbol.asyncDispose]() {
      await Promise.all([conn.close(), listener.close()]);
      await peer[Symbol.asyncDispose]();
    },
  };
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

testReset(
  "a reset before accept delays no other client",
  async (transport) => {
    await using listener = await transport.listen();
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
    await using client = await transport.connect(listener.addr);
    await client.send("honest");
    const since = performance.now();
    assert(await acceptHonest(listener) <= 20);
    const waited = Math.round(performance.now() - since);
    assert(waited < 2000, `Accepted after ${waited} ms`);
  },
);

testReset(
  "a reset after accept is ECONNRESET for all calls",
  async (over) => {
    await using ends = await toBeCut(over);
    const { conn } = ends;
    await conn.send("unread");
    await ends.cut();
    await assertRejectsWith("ECONNRESET", () => conn.recv());
    const received = await assertRejectsWith("ECONNRESET", () => conn.recv());
    const sent = await assertRejectsWith("ECONNRESET", () => conn.send("late"));
    assert(received.message.startsWith("Cannot receive"), received.message);
    assert(sent.message.startsWith("Cannot send"), sent.message);
    await assertRejectsWith("ECONNRESET", () => conn.pipeTo(conn));
    await conn.closeWrite();
    await conn.close();
    await assertRejectsWith("EBADF", () => conn.recv());
  },
);

testReset("a reset that a send meets first is ECONNRESET", async (over) => {
  if (over.name === "Unix") {
    return console.log("Skipped: the kernel reports a Unix reset as EPIPE");
  }
  await using ends = await toBeCut(over);
  const { conn } = ends;
  await ends.cut();
  let error: SocketError | undefined;
  while (error === undefined) {
    await conn.send("late").catch((reason) => error = reason);
  }
  assertEquals(error.code, "ECONNRESET");
  assert(error.message.startsWith("Cannot send"), error.message);
});

testReset("a reset ends a recv that waits", async (over) => {
  await using ends = await toBeCut(over);
  const waiting = codeOf(ends.conn.recv());
  await ends.conn.send("unread");
  await ends.cut();
  assertEquals(await waiting, "ECONNRESET");
});

/**
 * A send fails with a reset, or with a broken pipe: on a Unix socket the
 * kernel says so, elsewhere once the reset was reported.
 */
function assertCut(code: string): void {
  assert(["ECONNRESET", "EPIPE"].includes(code), code);
}

testReset("a reset ends sends that wait", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  const sends = [conn.send(TOO_MUCH), conn.send("queued")].map(codeOf);
  await until(() => conn.bytesSent > 0);
  await ends.cut();
  (await Promise.all(sends)).forEach(assertCut);
  await assertRejectsWith("ECONNRESET", () => conn.recv());
  assert(conn.bytesSent < TOO_MUCH.length);
});

testReset("a reset ends a recv and a send at once", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  const calls = [codeOf(conn.recv()), codeOf(conn.send(TOO_MUCH))];
  await until(() => conn.bytesSent > 0);
  await ends.cut();
  assertEquals(await Promise.all(calls), ["ECONNRESET", "ECONNRESET"]);
});

testReset("a reset ends a closeWrite that waits", async (over) => {
  await using ends = await toBeCut(over);
  const { conn } = ends;
  const sent = codeOf(conn.send(TOO_MUCH));
  const ended = codeOf(conn.closeWrite());
  await until(() => conn.bytesSent > 0);
  await ends.cut();
  assertCut(await sent);
  // A FIN to a closed peer may pass for sent.
  if (await ended !== "none") assertCut(await ended);
});

testReset(
  "a reset source ends pipeTo, not its destination",
  async (over) => {
    await using ends = await toBeCut(over);
    await using other = await pair(over);
    const piped = codeOf(ends.conn.pipeTo(other.client));
    await ends.conn.send("unread");
    await ends.cut();
    assertEquals(await piped, "ECONNRESET");
    await other.client.send("alive");
    assertEquals(text(await recvExactly(other.server, 5)), "alive");
  },
);

testReset(
  "a reset destination ends pipeTo, not its source",
  async (over) => {
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
  },
);

testReset(
  "a server that resets at once is an error, no hang",
  async (over) => {
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
        const dial = () => over.connect(addr);
        await assertRejectsWith("ECONNRESET", dial);
        continue;
      }
      await using conn = await over.connect(addr);
      // All but one byte of it is left unread.
      await conn.send("unread");
      await assertRejectsWith("ECONNRESET", () => conn.recv());
    }
  },
);

const RESET = `
s = socket.create_connection((args[0], int(args[1])))
s.sendall(args[2].encode())
s.recv(1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
`;

describe("a peer that resets", () => {
  it(
    "is ECONNRESET for recv, pipeTo and then send",
    { timeout: 30_000 },
    async () => {
      await using listener = await listen({ port: 0 });
      for (const receive of ["recv", "pipeTo"]) {
        await using _peer = start(
          python(RESET, "127.0.0.1", listener.addr.port, ""),
        );
        await using conn = await listener.accept();
        const code = (receive === "recv" ? conn.recv() : conn.pipeTo(conn))
          .catch((error) => error);
        await conn.send("!");
        const error = await code;
        assert(error instanceof SocketError);
        assertEquals(error.code, "ECONNRESET");
        await assertRejectsWith("ECONNRESET", () => conn.recv());
        await assertRejectsWith("ECONNRESET", () => conn.send("x"));
      }
    },
  );
  it("does not take what it sent before", { timeout: 30_000 }, async () => {
    await using listener = await listen({ port: 0 });
    const gone = output(python(RESET, "127.0.0.1", listener.addr.port, "last"));
    await using conn = await listener.accept();
    await conn.send("!");
    await gone;
    assertEquals(text(await conn.recv()), "last");
    await assertRejectsWith("ECONNRESET", () => conn.recv());
  });
});
