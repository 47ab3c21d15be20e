// The package's echo server, on any transport and on both runtimes.
import process from "node:process";
import { serveEcho } from "../../../mod.ts";

const { addr } = await serveEcho(JSON.parse(process.argv[2]));
console.log(addr.transport === "unix" ? "unix" : addr.port);
