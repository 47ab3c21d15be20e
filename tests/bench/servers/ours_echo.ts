// The package's echo server, on any transport and on each runtime.
import process from "node:process";
import { serveEcho, type ServeEchoOptions } from "../../../mod.ts";

const where: ServeEchoOptions = JSON.parse(process.argv[2]);
const { addr } = await serveEcho(where);
console.log(addr.transport === "unix" ? "unix" : addr.port);
