// Echo by hand on Deno's own sockets: a loop of reads and writes.
interface Conn extends Deno.Conn {
  /** Absent from TLS and Unix sockets. */
  setNoDelay?(): void;
}

const where = JSON.parse(Deno.args[0]);
const server: Deno.Listener<Conn> = where.cert === undefined
  ? Deno.listen(where)
  : Deno.listenTls(where);
console.log("port" in server.addr ? server.addr.port : "unix");

for await (const conn of server) echo(conn);

async function echo(conn: Conn): Promise<void> {
  // Without it large messages stall for 40 ms now and then.
  conn.setNoDelay?.();
  const buffer = new Uint8Array(65536);
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) {
      for (let at = 0; at < n;) {
        at += await conn.write(buffer.subarray(at, n));
      }
    }
  } catch {
    // A peer that is gone ends its own connection only.
  }
  conn.close();
}
