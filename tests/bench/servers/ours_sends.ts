// Many small sends at once, whenever a byte comes.
import process from "node:process";
import { type ListenOptions, serve } from "../../../mod.ts";

const where: ListenOptions = JSON.parse(process.argv[2]);
const count = Number(process.argv[3]);
const message = new Uint8Array(64);
const { addr } = await serve(where, async (conn) => {
  while ((await conn.recv()) !== null) {
    const sends = Array.from({ length: count }, () => conn.send(message));
    await Promise.all(sends);
  }
});
console.log(addr.transport === "unix" ? "unix" : addr.port);
