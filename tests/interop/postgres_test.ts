// A client of PostgreSQL: messages of a type and a length, and TLS on request.
import { describe, it } from "node:test";
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type Connection } from "../../mod.ts";
import { assert, assertEquals, assertRejectsWith } from "../support/assert.ts";
import { text } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import {
  isRoot,
  NOBODY,
  type Peer,
  startPeer,
  unprivileged,
  withPrograms,
} from "../support/peers.ts";
import { output } from "../support/programs.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A server that takes TLS as well, if there are certificates. */
function startPostgres(): Promise<Peer> {
  return startPeer(async (port, folder) => {
    const data = join(folder, "data");
    const init = ["initdb", "-D", data, "-U", "test", "-A", "trust"];
    await output(unprivileged([...init, "--no-sync", "--no-locale"]));
    const tls = certificates === undefined ? {} : {
      ssl: "on",
      ssl_cert_file: writeOwn(folder, "cert.pem", certificates.server.cert),
      ssl_key_file: writeOwn(folder, "key.pem", certificates.server.key),
    };
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      fsync: "off",
      ...tls,
    };
    return unprivileged([
      ...["postgres", "-D", data, "-p", `${port}`],
      ...Object.entries(settings).flatMap(([key, v]) => ["-c", `${key}=${v}`]),
    ]);
  });
}

/** PostgreSQL takes a key from a file that is its own alone. */
function writeOwn(folder: string, name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content, { mode: 0o600 });
  if (isRoot) chownSync(file, NOBODY, NOBODY);
  return file;
}

function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Sends a message; only the first ones have no type. */
async function send(
  conn: Connection,
  type: string,
  ...parts: (Uint8Array | string)[]
): Promise<void> {
  const length = parts.reduce((sum, { length }) => sum + length, 4);
  await conn.send([type, uint32(length), ...parts]);
}

async function recvMessage(conn: Connection): Promise<[string, Bytes]> {
  const head = await conn.recvExactly(5);
  assert(head !== null);
  const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
  const body = await conn.recvExactly(length - 4);
  assert(body !== null);
  const type = text(head.subarray(0, 1));
  if (type === "E") throw new Error(text(body).replaceAll("\0", " "));
  return [type, body];
}

/** Receives until the server is ready for a query. */
async function recvMessages(conn: Connection): Promise<[string, Bytes][]> {
  const messages: [string, Bytes][] = [];
  for (;;) {
    const message = await recvMessage(conn);
    if (message[0] === "Z") return messages;
    messages.push(message);
  }
}

async function startUp(conn: Connection): Promise<void> {
  const settings = "user\0test\0database\0postgres\0\0";
  await send(conn, "", uint32(3 << 16), settings);
  const [[type, body]] = await recvMessages(conn);
  assertEquals([type, [...body]], ["R", [0, 0, 0, 0]]);
}

/** A server that listens may still be starting up, and says so. */
async function connectWhenReady(port: number): Promise<Connection> {
  for (;;) {
    const conn = await connect({ port });
    try {
      await startUp(conn);
      return conn;
    } catch (error) {
      await conn.close();
      if (!`${error}`.includes("57P03")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Returns the only column of each row. */
async function query(conn: Connection, sql: string): Promise<string[]> {
  await send(conn, "Q", sql, "\0");
  const rows = (await recvMessages(conn)).filter(([type]) => type === "D");
  // After the number of columns and the length of this one.
  return rows.map(([, body]) => text(body.subarray(6)));
}

/** Asks for TLS; the server answers with one byte. */
async function requestTls(conn: Connection): Promise<string> {
  await send(conn, "", uint32(80877103));
  return text(await conn.recvExactly(1));
}

const options = withPrograms("postgres", "initdb");

describe("PostgreSQL", () => {
  it("answers queries, in plain text and over TLS", options, async () => {
    await using postgres = await startPostgres();
    const { port } = postgres;
    await using plain = await connectWhenReady(port);
    const numbers = "SELECT generate_series(1, 5000)";
    const rows = await query(plain, numbers);
    assertEquals([rows.length, rows[4999]], [5000, "5000"]);
    const [long] = await query(plain, "SELECT repeat('x', 3000000)");
    assertEquals(long.length, 3_000_000);
    await send(plain, "X");
    assertEquals(await plain.recv(), null);

    await using first = await connect({ port });
    if (certificates === undefined) {
      assertEquals(await requestTls(first), "N");
      return;
    }
    assertEquals(await requestTls(first), "S");
    await assertRejectsWith("EPROTO", () => first.startTls());
    const { ca } = certificates;
    const second = await connect({ port });
    assertEquals(await requestTls(second), "S");
    await using secure = await second.startTls({ caCerts: [ca] });
    await startUp(secure);
    const inUse = "SELECT version FROM pg_stat_ssl WHERE pid=pg_backend_pid()";
    const { protocol } = secure.tls!;
    assertEquals(protocol.replace(/\.0$/, ""), (await query(secure, inUse))[0]);
    assertEquals(await query(secure, numbers), rows);
    assertEquals(await query(secure, "SELECT repeat('x', 3000000)"), [long]);
    await send(secure, "X");
    assertEquals(await secure.recv(), null);
  });
});
