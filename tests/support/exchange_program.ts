// A client that sends 100 MB while it receives, then ends its side:
// `exchange_program.ts OPTIONS`, options of `connect` as JSON. It prints how
// much came back until the peer's end, and its hash.
import { createHash } from "node:crypto";
import process from "node:process";
import { connect, type ConnectOptions } from "../../mod.ts";
import { hundredBlocks } from "./bytes.ts";

const options: ConnectOptions = JSON.parse(process.argv[2]);
const hash = createHash("sha256");
await using conn = await connect(options);

async function send(): Promise<void> {
  for (const block of hundredBlocks()) await conn.send(block);
  await conn.closeWrite();
}

async function receive(): Promise<void> {
  for (let data; (data = await conn.recv()) !== null;) hash.update(data);
}

await Promise.all([send(), receive()]);
console.log(conn.bytesReceived, hash.digest("hex"));
