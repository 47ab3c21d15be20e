// An echo server: sends back whatever it gets, until the client ends.
import { parseArgs } from "node:util";
import { serveEcho } from "../mod.ts";
import {
  run,
  serverFlags,
  serverOptions,
  serveUntilSignal,
} from "./program.ts";

await run(async () => {
  const { values } = parseArgs({ options: serverFlags("65432") });
  const server = await serveEcho(serverOptions(values));
  await serveUntilSignal(server, values.cert !== undefined);
});
