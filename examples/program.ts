// What the examples share: one line per error, a clean end on a signal.
import process from "node:process";
import { formatAddress, type Server } from "../mod.ts";

/** How long connected clients may finish after the first signal. */
const GRACE = 5000;

/** Runs a program: an error is one line on standard error, and status 1. */
export async function run(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

/** Says where the server listens, and stops it on SIGINT or SIGTERM. */
export async function serveUntilSignal(server: Server): Promise<void> {
  let signals = 0;
  const stop = () =>
    void server.shutdown({ timeout: signals++ === 0 ? GRACE : 0 });
  process.on("SIGINT", stop).on("SIGTERM", stop);
  console.log(`listening on ${formatAddress(server.addr)}`);
  await server.finished;
  process.off("SIGINT", stop).off("SIGTERM", stop);
}

/** Reads the value of `--port`. */
export function toPort(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(
    `Invalid port "${text}": expected an integer from 0 to 65535`,
  );
}
