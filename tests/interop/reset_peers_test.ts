// Resets as Python sees and sends them: replies that are cut, and a relay.
import { it } from "node:test";
import {
  connect,
  type Connection,
  type ConnectionSummary,
  type Handler,
  serve,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { pattern } from "../support/bytes.ts";
import { onDeno } from "../support/platform.ts";
import { output, python, start } from "../support/programs.ts";
import { until } from "../support/wait.ts";

const options = { timeout: 30_000 };

/** Deno has no reset. */
const RESET = onDeno ? "an end" : "a reset";

const CLIENT = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
s.sendall(b"request")
got = 0
try:
    while data := s.recv(65536):
        got += len(data)
        s.sendall(b"more")
    print(got > 0, "an end")
except (ConnectionResetError, BrokenPipeError):
    print(got > 0, "a reset")
`;

it("Python sees a handler that throws as a reset", options, async () => {
  const summaries: ConnectionSummary[] = [];
  const reason = new Error("the disk failed");
  const handler: Handler = async (conn) => {
    await conn.recv();
    await conn.send("half");
    // Python has it, and says so.
    await conn.recv();
    throw reason;
  };
  await using server = await serve({
    port: 0,
    onError() {},
    onDisconnect: (summary) => void summaries.push(summary),
  }, handler);
  const printed = await output(python(CLIENT, server.addr.port));
  assertEquals(printed, `True ${RESET}\n`);
  await until(() => summaries.length === 1);
  assertEquals(summaries[0].error, reason);
});

/** Does not read until it is told to. */
const STALLED = `
s = socket.create_connection(("127.0.0.1", int(args[0])))
sys.stdin.readline()
try:
    while s.recv(1 << 20):
        pass
    print("an end")
except ConnectionResetError:
    print("a reset")
`;

it("Python stalls, and meets a reset", options, async () => {
  const summaries: ConnectionSummary[] = [];
  await using server = await serve({
    port: 0,
    onDisconnect: (summary) => void summaries.push(summary),
  }, (conn) => {
    conn.send(pattern(32 << 20)).catch(() => {});
  });
  await using client = start(python(STALLED, server.addr.port));
  await until(() => summaries.length === 1);
  const { error } = summaries[0];
  assert(error instanceof Error && "code" in error);
  assertEquals(error.code, "ETIMEDOUT");
  client.process.stdin?.write("\n");
  assertEquals(await client.line(), RESET);
});

const TARGET = `
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
s, _ = listener.accept()
s.recv(100)
s.sendall(b"half")
s.recv(100)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
`;

it("a relay passes on Python's reset to Python", options, async () => {
  await using target = start(python(TARGET));
  const port = Number(await target.line());
  const relay = async (client: Connection): Promise<void> => {
    const conn = await connect({ port });
    try {
      await Promise.all([client.pipeTo(conn), conn.pipeTo(client)]);
    } catch (error) {
      await conn.reset();
      throw error;
    }
  };
  await using proxy = await serve({ port: 0, onError() {} }, relay);
  const printed = await output(python(CLIENT, proxy.addr.port));
  assertEquals(printed, `True ${RESET}\n`);
});

it("Python is told the localAddress", options, async () => {
  const script = `
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
s, (host, port) = listener.accept()
s.sendall(("%s %d" % (host, port)).encode())
`;
  await using server = start(python(script));
  const port = Number(await server.line());
  const localAddress = "127.0.0.1";
  await using conn = await connect({ port, localAddress });
  const { localAddr } = conn;
  const told = new TextDecoder().decode(await conn.recv() ?? undefined);
  assertEquals(told, `${localAddr.hostname} ${localAddr.port}`);
});
