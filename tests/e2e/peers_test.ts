// The package against each runtime, and the examples with the five shapes of
// Python `socket` programs as clients.
import { describe, it } from "node:test";
import { connect, type Connection, serveEcho } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly } from "../support/bytes.ts";
import { command, options } from "../support/examples.ts";
import {
  output,
  type Program,
  python,
  type Runtime,
  runtimes,
  start,
} from "../support/programs.ts";
import { portOf } from "../support/transports.ts";

function serving(runtime: Runtime, name: string, ...args: string[]): Program {
  return start(command(runtime, name, "--port", "0", ...args));
}

/** The port at the end of the line with which a server says it is ready. */
async function portIn(server: Program): Promise<number> {
  return Number((await server.line()).split(":").at(-1));
}

async function echoes(conn: Connection, bytes: Uint8Array): Promise<void> {
  const [received] = await Promise.all([
    recvAll(conn),
    conn.send(bytes).then(() => conn.closeWrite()),
  ]);
  assertSameBytes(received, bytes);
}

for (const runtime of runtimes) {
  describe(`against ${runtime.name}`, () => {
    it("8 MiB come back, after a half-close", options, async () => {
      await using server = serving(runtime, "echo");
      await using conn = await connect({ port: await portIn(server) });
      await echoes(conn, pattern(8 * 1024 * 1024));
    });

    it("100 connections at once are served", options, async () => {
      await using server = serving(runtime, "echo");
      const port = await portIn(server);
      const conns = await Promise.all(
        Array.from({ length: 100 }, () => connect({ port })),
      );
      try {
        await Promise.all(conns.map(async (conn, i) => {
          const bytes = pattern(10_000, i + 1);
          await conn.send(bytes);
          assertSameBytes(await recvExactly(conn, bytes.length), bytes);
        }));
        // All of them are open still, each with its own bytes.
        await Promise.all(
          conns.map((conn, i) => echoes(conn, pattern(100_000, i + 101))),
        );
      } finally {
        await Promise.all(conns.map((conn) => conn.close()));
      }
    });

    it("its client.ts is served", options, async () => {
      await using server = await serveEcho({ port: 0 });
      const port = String(portOf(server.addr));
      const message = "0123456789".repeat(10_000);
      const client = command(runtime, "client", "--port", port);
      const printed = await output([...client, "--message", message]);
      assertSameBytes(
        new TextEncoder().encode(printed),
        new TextEncoder().encode(`${message}\n`),
      );
    });

    it("Python gets 100 MB back, after a half-close", options, async () => {
      await using server = serving(runtime, "echo");
      const client = `
import hashlib, random
block = random.Random(1).randbytes(1_000_003)
sent, received = hashlib.sha256(), hashlib.sha256()
s = socket.create_connection(("localhost", int(args[0])))
def send():
    for i in range(100):
        part = i.to_bytes(4, "big") + block[4:1_000_000]
        sent.update(part)
        s.sendall(part)
    s.shutdown(socket.SHUT_WR)
sender = threading.Thread(target=send)
sender.start()
total = 0
while data := s.recv(1 << 18):
    received.update(data)
    total += len(data)
sender.join()
print(total, received.digest() == sent.digest())
`;
      assertEquals(
        await output(python(client, await portIn(server))),
        "100000000 True\n",
      );
    });
  });
}

/** Runs the body of `client(s, i)` on connections one by one, and on 100 at
 * once; prints the results that differ. */
function clients(body: string, port: number): string[] {
  const script = `
from concurrent.futures import ThreadPoolExecutor
def to_end(s):
    return b"".join(iter(lambda: s.recv(1024), b""))
def client(s, i):${body}
def talk(i, wait):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.connect(("localhost", int(args[0])))
        wait()
        return client(s, i)
results = {talk(i, lambda: None) for i in range(10)}
together = threading.Barrier(100)
with ThreadPoolExecutor(100) as pool:
    results |= set(pool.map(lambda i: talk(i, lambda: together.wait(20)), range(100)))
print(*results)
`;
  return python(script, port);
}

for (const runtime of runtimes) {
  describe(`Python clients of ${runtime.name}`, () => {
    const hello = "Hello, client!";
    const welcome = ["greeting", "--message", "Welcome to my server"];
    const answer = ["greeting", "--when", "message"];

    const gets = (
      expected: string,
      behaviour: string,
      [name, ...args]: string[],
      body: string,
    ) =>
      it(behaviour, options, async () => {
        await using server = serving(runtime, name, ...args);
        const run = clients(body, await portIn(server));
        assertEquals(await output(run), `b'${expected}'\n`);
      });

    gets(hello, "1: only reads", ["greeting"], " return to_end(s)");

    const get = String.raw`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const request = `
    s.sendall(b"${get}")
    return s.recv(1024)`;
    gets(hello, "2: requests a greeting", ["greeting"], request);
    gets(hello, "2: requests an answer", answer, request);
    gets(get, "2: requests an echo", ["echo"], request);

    gets(
      "Hello, world",
      "3: reads an echo, some after SHUT_WR",
      ["echo"],
      `
    s.sendall(b"Hello, world")
    if i % 2:
        return s.recv(1024)
    s.shutdown(socket.SHUT_WR)
    return to_end(s)`,
    );

    for (const more of [0, 1024 * 1024]) {
      gets(
        "Welcome to my server",
        `4: sends, and ${more} bytes more, then is welcomed`,
        welcome,
        `
    s.sendall(b"Hello, Server" + bytes(${more}))
    return s.recv(1024) + s.recv(1024)`,
      );
    }

    gets(
      hello,
      "5: sends, reads, sees the end, some after SHUT_WR",
      answer,
      `
    s.sendall(b"Hello, Server")
    if i % 2:
        s.shutdown(socket.SHUT_WR)
    data = s.recv(1024)
    assert s.recv(1024) == b""
    return data`,
    );
  });
}
