import process from "node:process";
import { parseArgs } from "node:util";
import { Book } from "./book.ts";
import { haltOnSignal } from "./halt.ts";
import { pingDatagrams } from "./ping_datagrams.ts";
import { pingStream } from "./ping_stream.ts";
import { pingFlags, toPlan } from "./plan.ts";
import { isMisuse } from "./program.ts";
import { json, lines } from "./report.ts";

/** Pings an echo server; the status tells whether all came back intact. */
export async function ping(): Promise<void> {
  const { values, positionals: [, ...targets] } = parseArgs({
    options: pingFlags,
    allowPositionals: true,
  });
  const plan = toPlan(values, targets);
  const report = values.json ? json(plan) : lines(plan);
  const book = new Book(plan.timeout, (event) => report.tell(event, book));
  const { target } = plan;
  let error: unknown;
  const begin = performance.now();
  try {
    using halt = haltOnSignal();
    if (target.transport === "udp") {
      await pingDatagrams(plan, target, book, halt);
    } else await pingStream(plan, target, book, halt);
  } catch (reason) {
    if (isMisuse(reason)) throw reason;
    // The summary comes first.
    error = reason;
    book.loseAll("it broke off");
  }
  const { sent, received } = book.counts;
  const ok = error === undefined && book.intact && sent > 0 &&
    received === sent;
  report.finish({ book, duration: performance.now() - begin, ok, error });
  if (error !== undefined) throw error;
  if (!ok) process.exitCode = 1;
}
