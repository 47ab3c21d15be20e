// One kind of work of the package, which counts what it takes. Prints its port,
// then the counts so far for each line that it reads.
import { createHook } from "node:async_hooks";
import process from "node:process";
import { type Connection, serve, serveEcho } from "../../../mod.ts";

const WHERE = { hostname: "127.0.0.1", port: 0 };
/** Lines for which a byte comes back. */
const LINES = 50;

let promises = 0;
// Only Node counts promises.
createHook({
  init: (_id, type) => void (type === "PROMISE" && promises++),
}).enable();

async function loop(conn: Connection): Promise<void> {
  for (let data; (data = await conn.recv()) !== null;) await conn.send(data);
}

async function lines(conn: Connection): Promise<void> {
  for (let count = 1; (await conn.recvUntil("\n")) !== null; count++) {
    if (count % LINES === 0) await conn.send("\n");
  }
}

const works = {
  echo: () => serveEcho(WHERE),
  loop: () => serve(WHERE, loop),
  lines: () => serve(WHERE, lines),
  udp: () => serveEcho({ ...WHERE, transport: "udp", loopGuard: false }),
};

const { addr } = await works[process.argv[2] as keyof typeof works]();
console.log("port" in addr ? addr.port : "");

process.stdin.on("data", () => {
  const { heapUsed } = process.memoryUsage();
  console.log(JSON.stringify({ promises, bytes: heapUsed }));
});
