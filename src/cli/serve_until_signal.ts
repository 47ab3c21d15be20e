import process from "node:process";
import { type Address, formatAddress } from "../../mod.ts";

/** How long connected clients may finish after the first signal. */
const GRACE = 5000;

/** Says where the server listens, and stops it on SIGINT or SIGTERM. */
export async function serveUntilSignal(
  server: {
    addr: Address;
    finished: Promise<void>;
    shutdown(options: { timeout: number }): Promise<void>;
  },
  secure = false,
): Promise<void> {
  let signals = 0;
  const stop = () =>
    void server.shutdown({ timeout: signals++ === 0 ? GRACE : 0 });
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const { addr } = server;
  const kind = secure ? "tls " : addr.transport === "udp" ? "udp " : "";
  console.log(`listening on ${kind}${formatAddress(addr)}`);
  await server.finished;
  process.off("SIGINT", stop).off("SIGTERM", stop);
}
