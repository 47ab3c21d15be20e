// curl behind proxies made with the package: SOCKS5, and CONNECT of HTTP.
import { describe, it } from "node:test";
import {
  connect,
  type Connection,
  type NetAddress,
  serve,
  type Server,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import { withPrograms } from "../support/peers.ts";
import { start } from "../support/programs.ts";

const BODY = "0123456789abcdef".repeat(65_536);

/** A server of HTTP that answers any number of requests. */
function serveHttp(tls?: { cert: string; key: string }): Promise<Server> {
  return serve({ port: 0, tls }, async (conn) => {
    for (;;) {
      const request = await conn.recvUntil("\r\n\r\n", { maxBytes: 8192 });
      if (request === null) return;
      const [method, path] = text(request).split(" ");
      const length = /^content-length: (\d+)/im.exec(text(request))?.[1];
      const body = await conn.recvExactly(Number(length ?? 0));
      const reply = method === "POST" ? text(body) : BODY;
      const status = path === "/" ? "200 OK" : "404 Not Found";
      await conn.send([
        `HTTP/1.1 ${status}\r\nContent-Length: ${reply.length}\r\n\r\n`,
        reply,
      ]);
    }
  });
}

async function relay(client: Connection, server: Connection): Promise<void> {
  await Promise.all([client.pipeTo(server), server.pipeTo(client)]);
}

/** Names of `.test` are here; the proxy resolves them, and not curl. */
function resolve(hostname: string): string {
  return hostname.endsWith(".test") ? "127.0.0.1" : hostname;
}

async function recvBytes(conn: Connection, length: number) {
  const bytes = await conn.recvExactly(length);
  if (bytes === null) throw new Error("The client has left");
  return bytes;
}

/** RFC 1928, without a password and for CONNECT alone. */
async function socks5(client: Connection): Promise<void> {
  const [version, methods] = await recvBytes(client, 2);
  assertEquals(version, 5);
  assert((await recvBytes(client, methods)).includes(0));
  await client.send(new Uint8Array([5, 0]));
  const [, command, , kind] = await recvBytes(client, 4);
  // A name, or an IPv4 address.
  const isName = kind === 3;
  assert(command === 1 && (isName || kind === 1));
  const [length] = isName ? await recvBytes(client, 1) : [4];
  const host = await recvBytes(client, length);
  const hostname = isName ? resolve(text(host)) : host.join(".");
  const [high, low] = await recvBytes(client, 2);
  const answer = (status: number) =>
    client.send(new Uint8Array([5, status, 0, 1, 0, 0, 0, 0, 0, 0]));
  try {
    await using server = await connect({ hostname, port: high << 8 | low });
    await answer(0);
    await relay(client, server);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    // Connection refused.
    if (error.code === "ECONNREFUSED") await answer(5);
  }
}

async function httpConnect(client: Connection): Promise<void> {
  const header = await client.recvUntil("\r\n\r\n", { maxBytes: 8192 });
  const match = /^CONNECT (\S+):(\d+) HTTP\/1.1\r\n/.exec(text(header));
  assert(match !== null);
  const hostname = resolve(match[1]);
  try {
    await using server = await connect({ hostname, port: Number(match[2]) });
    await client.send("HTTP/1.1 200 Connection established\r\n\r\n");
    await relay(client, server);
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    await client.send("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  }
}

async function curl(...args: string[]) {
  // Its own configuration and the proxies of the environment do not count.
  const own = ["-q", "--silent", "--show-error", "--max-time", "20"];
  await using program = start(["curl", ...own, "--noproxy", "", ...args]);
  return await program.ended;
}

function portOf(server: Server): number {
  return (server.addr as NetAddress).port;
}

for (
  const { name, handler, flags, refused } of [
    {
      name: "SOCKS5",
      handler: socks5,
      flags: ["--socks5-hostname"],
      // The proxy's answer to the handshake.
      refused: 97,
    },
    {
      name: "HTTP CONNECT",
      handler: httpConnect,
      flags: ["--proxytunnel", "--proxy"],
      // A status of the proxy that is none of success.
      refused: 56,
    },
  ]
) {
  describe(`curl through a ${name} proxy`, () => {
    it("gets and posts", withPrograms("curl"), async () => {
      await using origin = await serveHttp();
      await using proxy = await serve({ port: 0 }, handler);
      const through = [...flags, `127.0.0.1:${portOf(proxy)}`];
      const url = `http://origin.test:${portOf(origin)}/`;
      const got = await curl(...through, url, url, `${url}none`);
      assertEquals([got.status, got.stderr], [0, ""]);
      assert(got.stdout === BODY.repeat(3));
      const post = [
        "--header",
        "Expect:",
        "--data-binary",
        "x=".repeat(40_000),
      ];
      const posted = await curl(...through, ...post, url);
      assertEquals([posted.status, posted.stderr], [0, ""]);
      assert(posted.stdout === post[3]);
    });

    it("gets over TLS", withPrograms("curl", "openssl"), async () => {
      assert(certificates !== undefined);
      await using origin = await serveHttp(certificates.server);
      await using proxy = await serve({ port: 0 }, handler);
      const got = await curl(
        ...[...flags, `127.0.0.1:${portOf(proxy)}`],
        ...["--cacert", certificates.caFile],
        `https://localhost:${portOf(origin)}/`,
      );
      assertEquals([got.status, got.stderr], [0, ""]);
      assert(got.stdout === BODY);
    });

    it("reports a port that is closed", withPrograms("curl"), async () => {
      const gone = await serveHttp();
      await gone.shutdown();
      await using proxy = await serve({ port: 0 }, handler);
      const through = [...flags, `127.0.0.1:${portOf(proxy)}`];
      const { status } = await curl(
        ...through,
        `http://origin.test:${portOf(gone)}/`,
      );
      assertEquals(status, refused);
    });
  });
}
