// HAProxy in front: its headers of every kind name its client.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  type ConnectOptions,
  formatAddress,
  listen,
  type ListenOptions,
  serve,
} from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, recvExactly, text } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import { freePort } from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { haproxy, withHaproxy } from "../support/haproxy.ts";
import { connectThrough } from "../support/peers.ts";
import type { Program } from "../support/programs.ts";
import { pathOf, portOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

/** Serves behind a proxy: sends each client its addresses, then echoes. */
function serveNames(place: ListenOptions) {
  return serve(place, async (conn) => {
    const names = [conn.remoteAddr, conn.localAddr].map(formatAddress);
    await conn.send(`${names.join(" to ")}\n`);
    await conn.pipeTo(conn);
  });
}

async function readLine(conn: Connection): Promise<string> {
  let line = "";
  while (!line.endsWith("\n")) line += text(await recvExactly(conn, 1));
  return line.trimEnd();
}

/** Returns the addresses that the server names, once 1 MiB has come back. */
async function namesThrough(
  front: Program,
  target: ConnectOptions,
): Promise<{ named: string; client: Address }> {
  await using conn = await connectThrough(front, target);
  const named = await readLine(conn);
  const bytes = pattern(1024 * 1024);
  const [received] = await Promise.all([
    recvAll(conn),
    conn.send(bytes).then(() => conn.closeWrite()),
  ]);
  assertSameBytes(received, bytes);
  return { named, client: conn.localAddr };
}

const TRUSTED = { trustedProxies: ["127.0.0.1", "::1"] };

/** The ways to send a header, as the server line has them. */
const SENDERS = [
  "send-proxy",
  "send-proxy-v2",
  "send-proxy-v2 proxy-v2-options crc32c",
  "send-proxy-v2 proxy-v2-options crc32c,unique-id",
];
const UNIQUE_ID = "  unique-id-format %[uuid()]\n";

for (const sender of SENDERS) {
  describe(`HAProxy with ${sender}`, () => {
    for (const host of ["127.0.0.1", "::1"]) {
      it(`names its client, ${host}`, withHaproxy, async () => {
        const place = { hostname: host, port: 0, proxyProtocol: TRUSTED };
        await using server = await serveNames(place);
        const port = await freePort();
        const app = `${host}:${portOf(server.addr)} ${sender}`;
        await using front = haproxy(`${host}:${port}`, app, UNIQUE_ID);
        const target = { hostname: host, port };
        const { named, client } = await namesThrough(front, target);
        const wanted = formatAddress({ transport: "tcp", ...target });
        assertEquals(named, `${formatAddress(client)} to ${wanted}`);
      });
    }

    it("names its client to a Unix socket", withHaproxy, async () => {
      const path = pathOf();
      const place = { transport: "unix", path, proxyProtocol: true } as const;
      await using _server = await serveNames(place);
      const port = await freePort();
      const bind = `127.0.0.1:${port}`;
      // With a unique id, HAProxy 2.6 would write it over this header.
      await using front = haproxy(bind, `unix@${path} ${sender}`);
      const { named, client } = await namesThrough(front, { port });
      assertEquals(named, `${formatAddress(client)} to ${bind}`);
    });

    it("names IPv4 as its socket for both has it", withHaproxy, async () => {
      await using server = await serveNames({
        port: 0,
        proxyProtocol: TRUSTED,
      });
      const port = await freePort();
      const app = `127.0.0.1:${portOf(server.addr)} ${sender}`;
      await using front = haproxy(`:::${port} v4v6`, app, UNIQUE_ID);
      const { named, client } = await namesThrough(front, { port });
      const from = `[::ffff:127.0.0.1]:${portOf(client)}`;
      assertEquals(named, `${from} to [::ffff:127.0.0.1]:${port}`);
    });

    it("checks our health", withHaproxy, async () => {
      const checks: Address[] = [];
      const place = { port: 0, proxyProtocol: TRUSTED };
      await using server = await serve(place, async (conn) => {
        checks.push(conn.localAddr);
        await conn.send("hello\n");
      });
      const path = pathOf();
      await using front = haproxy(
        `127.0.0.1:${await freePort()}`,
        `127.0.0.1:${portOf(server.addr)} ${sender} ` +
          "check check-send-proxy inter 50",
        `${UNIQUE_ID}  option tcp-check\n  tcp-check expect string hello\n`,
        `  stats socket ${path}\n`,
      );
      // By the third check the first has a verdict.
      await using stats = await connectThrough(front, {
        transport: "unix",
        path,
      });
      await until(() => checks.length >= 3);
      await stats.send("show stat\n");
      const [names, _, app] = text(await recvAll(stats)).split("\n")
        .map((row) => row.split(","));
      const [status, verdict] = ["status", "check_status"]
        .map((name) => app[names.indexOf(name)]);
      assertEquals(status, "UP");
      assert(verdict.endsWith("L7OK"), verdict);
      assertEquals(checks[0], server.addr);
    });
  });
}

it("HAProxy ends TLS, and says so in its header", withHaproxy, async () => {
  if (certificates === undefined) return console.log("Skipped: no openssl");
  const { ca, server: { cert, key } } = certificates;
  const pem = join(folder, "haproxy.pem");
  writeFileSync(pem, `${cert}\n${key}`);
  await using server = await serveNames({ port: 0, proxyProtocol: TRUSTED });
  const port = await freePort();
  await using front = haproxy(
    `127.0.0.1:${port} ssl crt ${pem} alpn parley`,
    `127.0.0.1:${portOf(server.addr)} send-proxy-v2-ssl-cn ` +
      "proxy-v2-options cert-key,cert-sig,ssl-cipher,authority,crc32c",
  );
  const tls = {
    caCerts: [ca],
    serverName: "localhost",
    alpnProtocols: ["parley"],
  };
  await using conn = await connectThrough(front, { port, tls });
  assertEquals(conn.tls?.alpnProtocol, "parley");
  const named = await readLine(conn);
  assertEquals(named, `${formatAddress(conn.localAddr)} to 127.0.0.1:${port}`);
});

it("HAProxy's checksum is there, and is checked", withHaproxy, async () => {
  await using plain = await listen({ port: 0 });
  const port = await freePort();
  const sender = "send-proxy-v2 proxy-v2-options crc32c";
  const app = `127.0.0.1:${plain.addr.port} ${sender}`;
  await using front = haproxy(`127.0.0.1:${port}`, app);
  await using client = await connectThrough(front, { port });
  await using conn = await plain.accept();
  const header = await recvExactly(conn, 35);
  // After IPv4 addresses and their ports.
  assertEquals([...header.subarray(28, 31)], [3, 0, 4]);
  const place = { port: 0, proxyProtocol: TRUSTED };
  await using server = await serveNames(place);
  const namesAfter = async (header: Uint8Array) => {
    await using conn = await connect({ port: portOf(server.addr) });
    await conn.send(header);
    await conn.closeWrite();
    return text(await recvAll(conn).catch(() => null));
  };
  const names = `${formatAddress(client.localAddr)} to 127.0.0.1:${port}\n`;
  assertEquals(await namesAfter(header), names);
  for (const at of [13, 16, 25, 34]) {
    assertEquals(
      await namesAfter(header.map((b, i) => i === at ? b ^ 1 : b)),
      "",
    );
  }
});
