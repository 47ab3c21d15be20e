// `connect` to the five shapes of Python `socket` programs as servers.
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { connect, type Connection } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import { options } from "../support/examples.ts";
import { type Program, python, start } from "../support/programs.ts";

/** The port at the end of the line with which a server says it is ready. */
async function portIn(server: Program): Promise<number> {
  return Number((await server.line()).split(":").at(-1));
}

/** A Python server that runs the body of `serve(conn)` for each connection. */
function pythonServer(body: string): Program {
  return start(python(`
def serve(conn):${body}
def run(conn):
    with conn:
        serve(conn)
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=run, args=[listener.accept()[0]], daemon=True).start()
`));
}

describe("Python servers", () => {
  const hello = "Hello, client!";
  const toEnd = async (conn: Connection) => text(await recvAll(conn));

  /** Visits a server on connections one by one, and on 50 at once. */
  const gets = (
    expected: string,
    behaviour: string,
    body: string,
    visit: (conn: Connection, i: number) => Promise<string>,
  ) =>
    it(behaviour, options, async () => {
      await using server = pythonServer(body);
      const port = await portIn(server);
      const check = async (i: number) => {
        await using conn = await connect({ hostname: "localhost", port });
        assertEquals(await visit(conn, i), expected);
      };
      for (let i = 0; i < 5; i++) await check(i);
      await Promise.all(Array.from({ length: 50 }, (_, i) => check(i)));
    });

  gets(hello, "1: greets", ` conn.sendall(b"${hello}")`, toEnd);

  gets(
    "HTTP/1.1 200 OK\r\n\r\nGET / HTTP/1.1",
    "2: answers a request",
    `
    request = conn.recv(1024)
    conn.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n" + request.splitlines()[0])`,
    async (conn) => {
      await conn.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      return await toEnd(conn);
    },
  );

  gets(
    "Hello, world",
    "3: echoes",
    `
    while data := conn.recv(1024):
        conn.sendall(data)`,
    async (conn, i) => {
      await conn.send("Hello, world");
      if (i % 2) return text(await recvExactly(conn, 12));
      await conn.closeWrite();
      return await toEnd(conn);
    },
  );

  gets(
    "Welcome to my server, you said: Hello, Server",
    "4: welcomes, then listens",
    `
    conn.sendall(b"Welcome to my server")
    conn.sendall(b", you said: " + conn.recv(1024))`,
    async (conn) => {
      await conn.send("Hello, Server");
      return await toEnd(conn);
    },
  );

  gets(
    hello,
    "5: answers a message",
    `
    if conn.recv(1024):
        conn.sendall(b"${hello}")`,
    async (conn) => {
      await conn.send("Hello, Server");
      return await toEnd(conn);
    },
  );

  it("one that ends its side first is sent 8 MiB", options, async () => {
    await using server = pythonServer(`
    import hashlib
    conn.sendall(b"Welcome to my server")
    conn.shutdown(socket.SHUT_WR)
    data = b"".join(iter(lambda: conn.recv(1 << 16), b""))
    print(hashlib.sha256(data).hexdigest(), flush=True)`);
    await using conn = await connect({ port: await portIn(server) });
    assertEquals(await toEnd(conn), "Welcome to my server");
    const bytes = pattern(8 * 1024 * 1024);
    await conn.send(bytes);
    await conn.closeWrite();
    const sent = createHash("sha256").update(bytes).digest("hex");
    assertEquals(await server.line(), sent);
  });
});
