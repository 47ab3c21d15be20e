// An echo by a plain loop of `recv` and `send`, as users write their servers.
import process from "node:process";
import { serve } from "../../../mod.ts";

const { addr } = await serve(JSON.parse(process.argv[2]), async (conn) => {
  for (let data; (data = await conn.recv()) !== null;) await conn.send(data);
});
console.log(addr.transport === "unix" ? "unix" : addr.port);
