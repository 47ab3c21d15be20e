// One form of an IP address, wherever addresses are compared.
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  echo,
  serve,
  SocketError,
} from "../../mod.ts";
import { canonicalIp, parseNetwork } from "../../src/ip.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { exchange } from "../support/servers.ts";

const FORMS: Record<string, string> = {
  "192.0.2.1": "192.0.2.1",
  "::ffff:192.0.2.1": "192.0.2.1",
  "::FFFF:c000:201": "192.0.2.1",
  "0:0:0:0:0:ffff:c000:0201": "192.0.2.1",
  "::ffff:0.0.0.0": "0.0.0.0",
  "::1": "::1",
  "0:0::0001": "::1",
  "2001:DB8::A": "2001:db8::a",
  "::192.0.2.1": "::c000:201",
  "FE80::1%eth0": "fe80::1%eth0",
  "fe80::1%12": "fe80::1%12",
  "localhost": "localhost",
  "": "",
  ":::": ":::",
};

/** The address of the client, as a proxy may write it. */
const HEADERS = [
  "PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n",
  "PROXY TCP6 ::ffff:192.0.2.1 ::1 1001 80\r\n",
  "PROXY TCP6 ::ffff:c000:201 ::1 1002 80\r\n",
];
const OTHER = "PROXY TCP6 ::ffff:192.0.2.2 ::1 1003 80\r\n";

const proxied = {
  port: 0,
  proxyProtocol: { trustedProxies: ["127.0.0.1"] },
};

async function connectAs(port: number, header: string): Promise<Connection> {
  const conn = await connect({ port });
  await conn.send(header);
  return conn;
}

/** Whether the server has closed the connection, instead of an echo. */
async function isClosed(conn: Connection): Promise<boolean> {
  try {
    await conn.send("x");
    return await conn.recv() === null;
  } catch (error) {
    if (error instanceof SocketError) return true;
    throw error;
  }
}

describe("canonicalIp", () => {
  for (const [hostname, expected] of Object.entries(FORMS)) {
    it(`"${hostname}" is "${expected}"`, () => {
      assertEquals(canonicalIp(hostname), expected);
    });
  }
});

it("maxConnectionsPerHost counts all forms as one host", async () => {
  await using server = await serve(
    { ...proxied, maxConnectionsPerHost: 1 },
    echo,
  );
  const { port } = server.addr;
  for (const first of HEADERS) {
    await using conn = await connectAs(port, first);
    await exchange(conn, "first");
    for (const second of HEADERS) {
      await using excess = await connectAs(port, second);
      assert(await isClosed(excess), `${first} ${second}`);
    }
    await using other = await connectAs(port, OTHER);
    await exchange(other, "other");
    await conn.closeWrite();
    assertEquals(await conn.recv(), null);
    await other.closeWrite();
    assertEquals(await other.recv(), null);
    while (server.stats().active > 0) {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
});

it("filter gets one form", async () => {
  const seen: Address[] = [];
  await using server = await serve({
    ...proxied,
    filter(addr) {
      seen.push(addr);
      return addr.transport === "tcp" && addr.hostname !== "192.0.2.1";
    },
  }, echo);
  for (const header of HEADERS) {
    await using conn = await connectAs(server.addr.port, header);
    assert(await isClosed(conn), header);
  }
  await using other = await connectAs(server.addr.port, OTHER);
  await exchange(other, "other");
  const expected = [
    ...["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"],
  ].map((hostname, i) => ({ transport: "tcp", hostname, port: 1000 + i }));
  assertEquals<unknown>(seen, expected);
});

it("filter gets IPv4 on a socket for both families", async () => {
  const seen: Address[] = [];
  await using server = await serve({
    hostname: "::",
    port: 0,
    filter(addr) {
      seen.push(addr);
      return true;
    },
  }, echo);
  await using conn = await connect({ port: server.addr.port });
  await exchange(conn, "hello");
  assertEquals(seen, [conn.localAddr]);
});

it("a network contains the address with its zone", () => {
  const contains = parseNetwork("fe80::/10");
  assert(contains?.("fe80::1%eth0"));
  assert(!contains?.("fec0::1%eth0"));
});
