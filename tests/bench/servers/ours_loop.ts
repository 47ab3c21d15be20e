// An echo by a plain loop of `recv` and `send`, as users write their servers.
import process from "node:process";
import { type ListenOptions, serve } from "../../../mod.ts";

const where: ListenOptions = JSON.parse(process.argv[2]);
const { addr } = await serve(where, async (conn) => {
  for (let data; (data = await conn.recv()) !== null;) await conn.send(data);
});
console.log(addr.transport === "unix" ? "unix" : addr.port);
