// Receives, and nothing else: so many bytes at a time, or as many as come.
import process from "node:process";
import { type ListenOptions, serve } from "../../../mod.ts";

const where: ListenOptions = JSON.parse(process.argv[2]);
const maxBytes = process.argv[3] === undefined
  ? undefined
  : Number(process.argv[3]);
const { addr } = await serve(where, async (conn) => {
  while ((await conn.recv(maxBytes)) !== null);
});
console.log(addr.transport === "unix" ? "unix" : addr.port);
