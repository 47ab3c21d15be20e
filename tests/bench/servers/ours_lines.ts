// Receives line by line, and counts what they hold.
import process from "node:process";
import { type ListenOptions, serve } from "../../../mod.ts";

const where: ListenOptions = JSON.parse(process.argv[2]);
let bytes = 0;
const { addr } = await serve(where, async (conn) => {
  for (let line; (line = await conn.recvUntil("\n")) !== null;) {
    bytes += line.length;
  }
});
process.on("exit", () => console.log(bytes));
console.log(addr.transport === "unix" ? "unix" : addr.port);
