// A scanner by hand on the runtime's own sockets: each line a plain array.
import process from "node:process";
import { createServer } from "node:net";
import { Bun } from "../bun.ts";

const NEWLINE = 10;
const where = JSON.parse(process.argv[2]);
const runtime = process.argv[3];
let bytes = 0;
process.on("exit", () => console.log(bytes));

/** Calls for each line, and keeps what has no end yet. */
function scanner(): (chunk: Uint8Array) => void {
  let rest = new Uint8Array(0);
  return (chunk) => {
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0;) {
      let line = chunk.slice(start, end + 1);
      if (rest.length > 0) {
        line = join(rest, line);
        rest = new Uint8Array(0);
      }
      bytes += line.length;
      start = end + 1;
    }
    if (start < chunk.length) rest = join(rest, chunk.subarray(start));
  };
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

if (runtime === "Bun") {
  const server = Bun.listen<((chunk: Uint8Array) => void) | undefined>({
    ...where,
    allowHalfOpen: true,
    socket: {
      binaryType: "uint8array",
      open: (socket) => void (socket.data = scanner()),
      data: (socket, chunk) => socket.data?.(chunk),
      end: (socket) => socket.end(),
      error() {},
    },
  });
  console.log(server.port);
} else if (runtime === "Deno") {
  const server = Deno.listen(where);
  console.log((server.addr as Deno.NetAddr).port);
  for await (const conn of server) {
    (async () => {
      const scan = scanner();
      const buffer = new Uint8Array(262_144);
      for (let n; (n = await conn.read(buffer)) !== null;) {
        scan(buffer.subarray(0, n));
      }
      conn.close();
    })().catch(() => {});
  }
} else {
  const server = createServer((socket) => {
    const scan = scanner();
    // `slice` of a Buffer would be a view.
    socket.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
      scan(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    });
    socket.on("error", () => socket.destroy());
  });
  server.listen(where.port, where.hostname, () => {
    const address = server.address();
    console.log(typeof address === "object" ? address?.port : "unix");
  });
}
