// A server to be attacked, in a process of its own: `server.ts ROLE OPTIONS`,
// options as JSON. It prints its addresses, its stats on SIGUSR2, and after
// SIGTERM has nothing left that would keep the process from ending by itself.
import process from "node:process";
import { echo, type Handler, type ListenOptions, serve } from "../../mod.ts";

const BLOCK = new Uint8Array(1024 * 1024);

const roles = new Map<string, Handler>([
  ["echo", echo],
  ["talk", async (conn) => {
    for (let data; (data = await conn.recv()) !== null;) await conn.send(data);
  }],
  ["pour", async (conn) => {
    for (let i = 0; i < 1024; i++) await conn.send(BLOCK);
  }],
  ["deaf", async (_, { signal }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve());
    await promise;
  }],
]);

process.on("unhandledRejection", (reason) => {
  console.error("Unhandled:", reason);
  process.exitCode = 1;
});

const [role, options] = process.argv.slice(2);
const handler = roles.get(role);
if (handler === undefined) throw new Error(`No role ${role}`);
const places: ListenOptions[] = JSON.parse(options);
const servers = await Promise.all(
  places.map((place) => serve(place, handler)),
);

const show = () => console.log(JSON.stringify(servers.map((s) => s.stats())));
process.on("SIGUSR2", show);
process.once("SIGTERM", async () => {
  await Promise.all(servers.map((s) => s.shutdown({ timeout: 2000 })));
  show();
  process.off("SIGUSR2", show);
});
console.log(JSON.stringify(servers.map(({ addr }) => addr)));
