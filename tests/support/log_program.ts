// A server whose every callback fails, in a process of its own: it prints the
// ports of TCP and UDP, and writes to standard error for each client.
import { echo, serve, serveDatagrams } from "../../mod.ts";

const fail = (): never => {
  throw new Error(`From a callback: ${"x".repeat(1000)}`);
};

const stream = await serve({
  port: 0,
  filter: (addr) => addr.transport === "tcp",
  onConnect: fail,
  onDisconnect: () => Promise.reject(new Error("From onDisconnect")),
  onError: fail,
}, async (conn) => {
  await echo(conn);
  fail();
});
const datagrams = await serveDatagrams({ port: 0 }, (data) => {
  if (data.length === 0) fail();
  return data;
});
console.log(`${stream.addr.port} ${datagrams.addr.port}`);
