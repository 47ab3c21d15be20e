// So many UDP echo servers in a process of their own: it prints their ports,
// and for each line of its input the sums of their counters.
import process from "node:process";
import { createInterface } from "node:readline";
import { serveEcho } from "../../mod.ts";

const servers = await Promise.all(
  Array.from(
    { length: Number(process.argv[2]) },
    () => serveEcho({ transport: "udp", port: 0 }),
  ),
);
console.log(JSON.stringify(servers.map(({ addr }) => addr.port)));
createInterface({ input: process.stdin }).on("line", () => {
  const stats = servers.map((server) => server.stats());
  const sum = (name: "sent" | "withheld" | "received" | "dropped") =>
    stats.reduce((sum, one) => sum + one[name], 0);
  console.log(JSON.stringify({
    received: sum("received"),
    sent: sum("sent"),
    withheld: sum("withheld"),
    dropped: sum("dropped"),
  }));
});
