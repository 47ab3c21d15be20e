// `ping` in the process of a test, and what its document says.
import { parseArgs } from "node:util";
import { pingFlags, toPingOptions } from "../../src/cli/ping/options.ts";
import { jsonReport } from "../../src/cli/ping/report.ts";
import { runPing } from "../../src/cli/ping/run.ts";
import type { Counts } from "../../src/cli/ping/stats.ts";
import { assert, assertEquals } from "./assert.ts";
import { certificates } from "./certificates.ts";

/** The document of `ping --json`. */
export interface Document extends Counts {
  target: string;
  transport: string;
  size: number;
  ok: boolean;
  lossPercent: number;
  rtt: { min: number; avg: number; max: number; p99: number } | null;
  duration: number;
  faults: { kind: string; seq?: number; byte?: number; text: string }[];
  error: { code: string | null; message: string } | null;
}

/** Runs `ping --json` in this process; no signal interrupts it. */
export async function pingHere(...args: string[]): Promise<Document> {
  const { values, positionals } = parseArgs({
    args,
    options: pingFlags,
    allowPositionals: true,
  });
  const options = toPingOptions(values, positionals);
  let printed = "";
  const report = jsonReport(options, (text) => void (printed += text));
  const { signal } = new AbortController();
  report.finish(
    await runPing(options, report.onEvent, { stop: signal, end: signal }),
  );
  const document: Document = JSON.parse(printed);
  const { sent, received, corrupt, lost } = document;
  assertEquals(received + corrupt + lost, sent, printed);
  return document;
}

/** Asserts that all messages came back intact. */
export function assertIntact(document: Document, sent: number): void {
  const text = JSON.stringify(document);
  assertEquals(document.faults, [], text);
  assertEquals(document.error, null, text);
  assert(document.ok, text);
  assertEquals([document.sent, document.received], [sent, sent], text);
  const { rtt } = document;
  assert(rtt !== null && rtt.min > 0, text);
  assert(rtt.min <= rtt.avg && rtt.avg <= rtt.max, text);
  assert(rtt.min <= rtt.p99 && rtt.p99 <= rtt.max, text);
}

/** Returns the arguments of `ping` for the first line of a server. */
export function targetIn(line: string): string[] {
  const [, kind, address] = /^listening on (?:(tls|udp) )?(\S+)$/.exec(line) ??
    [];
  assert(address !== undefined, line);
  if (kind === undefined) return [address];
  if (kind === "udp") return [address, "--udp"];
  assert(certificates !== undefined);
  return [address, "--ca", certificates.caFile];
}
