// The output of `ping`: a line for each reply and a summary, or JSON.
import process from "node:process";
import { escapeControls, escapeJson } from "../../escape.ts";
import type { PingOptions } from "./options.ts";
import type { Difference } from "./payload.ts";
import type { PingResult } from "./run.ts";
import type {
  Counts,
  PingEvent,
  PingStats,
  RoundTripSummary,
} from "./stats.ts";

/** Prints events and the result. */
export interface Report {
  onEvent(event: PingEvent, stats: PingStats): void;
  finish(result: PingResult): void;
}

/** The document of `--json`; times are milliseconds. */
interface JsonDocument extends Counts {
  target: string;
  transport: string;
  size: number;
  ok: boolean;
  lossPercent: number;
  rtt: RoundTripSummary | null;
  duration: number;
  faults: JsonFault[];
  error: { code: string | null; message: string } | null;
}

interface JsonFault {
  kind: string;
  seq?: number;
  /** Position of the first wrong byte. */
  byte?: number;
  text: string;
}

/** Faults in the document; the counts include the others. */
const MAX_FAULTS = 100;

/** Prints a line for each event, unless it is quiet, and a summary. */
export function textReport({ target, size, quiet }: PingOptions): Report {
  const output = createScreen();
  let hasTitle = false;
  // With the first result: an error before it has the output to itself.
  const printTitle = () => {
    if (!hasTitle) output.print(formatTitle(target, size));
    hasTitle = true;
  };
  return {
    onEvent(event, stats) {
      if (event.kind !== "sent") {
        printTitle();
        if (!quiet) output.print(describe(event));
      }
      if (quiet) return;
      output.status(formatProgress(stats));
    },
    finish({ stats, duration }) {
      output.erase();
      if (stats.counts.sent === 0) return;
      printTitle();
      if (isNoEcho(stats.counts)) {
        output.print("this does not look like an echo server");
      }
      output.print(`--- ${target.name} ping statistics ---`);
      output.print(formatCounts(stats.counts, duration));
      const summary = stats.roundTrips.summary();
      if (summary !== undefined) output.print(formatRoundTrips(summary));
    },
  };
}

/** Prints one JSON document at the end. */
export function jsonReport(
  { target, size }: PingOptions,
  print: (text: string) => void = printAll,
): Report {
  const faults: JsonFault[] = [];
  return {
    onEvent(event) {
      const { kind } = event;
      if (kind === "sent" || kind === "reply") return;
      if (faults.length === MAX_FAULTS) return;
      faults.push({
        kind: isTruncated(event) ? "truncated" : kind,
        seq: "seq" in event ? event.seq : undefined,
        byte: kind === "corrupt" ? event.difference.byte : undefined,
        text: describe(event),
      });
    },
    finish({ stats, duration, ok, error }) {
      const document: JsonDocument = {
        target: target.name,
        transport: target.transport,
        size,
        ok,
        ...stats.counts,
        lossPercent: lossPercent(stats.counts),
        rtt: roundToMicroseconds(stats.roundTrips.summary()),
        duration: toMicroseconds(duration),
        faults,
        error: error === undefined ? null : toJsonError(error),
      };
      const json = JSON.stringify(document, undefined, 2);
      print(`${escapeJson(json)}\n`);
    },
  };
}

/** Bun's `console.log` does not report a full disk. */
function printAll(text: string): void {
  process.stdout.write(text);
}

function formatTitle(
  { name, transport }: PingOptions["target"],
  size: number,
): string {
  return `PING ${name} over ${transport}, ${formatBytes(size)} a message`;
}

/** Whether something was received, and none of it is a message of ours. */
function isNoEcho(counts: Counts): boolean {
  const { received, late, duplicates, corrupt, unexpected } = counts;
  return received + late + duplicates === 0 && corrupt + unexpected > 0;
}

function toJsonError(error: unknown): { code: string | null; message: string } {
  if (!(error instanceof Error)) return { code: null, message: String(error) };
  const code = "code" in error && typeof error.code === "string"
    ? error.code
    : null;
  return { code, message: error.message };
}

function describe(event: Exclude<PingEvent, { kind: "sent" }>): string {
  switch (event.kind) {
    case "lost":
      return `seq=${event.seq} lost: ${event.reason}`;
    case "end":
      return event.reason;
    case "unexpected": {
      const { bytes, from, reason } = event;
      return `${formatBytes(bytes)} from ${from}: unexpected, ${reason}`;
    }
  }
  const { bytes, from, seq } = event;
  const reply = `${formatBytes(bytes)} from ${from}: seq=${seq}`;
  switch (event.kind) {
    case "corrupt": {
      const { difference } = event;
      const kind = isTruncated(event) ? "truncated" : "corrupt";
      const text = formatDifference(difference);
      return `${reply} ${kind} at byte ${difference.byte}: ${text}`;
    }
    case "duplicate":
      return `${reply} duplicate`;
    case "late":
      return `${reply} time=${event.ms.toFixed(3)} ms, late`;
    case "reply":
      return `${reply} time=${event.ms.toFixed(3)} ms${
        event.reordered ? ", reordered" : ""
      }`;
  }
}

/** Whether a corrupt reply lacks its end and is intact up to there. */
function isTruncated(event: PingEvent): boolean {
  if (event.kind !== "corrupt") return false;
  const { kind, byte } = event.difference;
  return kind === "missing" && byte === event.bytes;
}

function formatDifference(difference: Difference): string {
  switch (difference.kind) {
    case "changed":
      return `${formatHex(difference.was)}, not ${
        formatHex(difference.expected)
      }`;
    case "extra":
      return `${formatBytes(difference.bytes)} too many`;
    case "missing":
      return `${formatBytes(difference.bytes)} missing`;
  }
}

function formatBytes(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

function formatHex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

function formatProgress({ counts, waiting }: PingStats): string {
  const { sent, received, corrupt, lost } = counts;
  return `${sent} sent, ${received} received, ${waiting} waiting, ` +
    `${lost} lost, ${corrupt} corrupt`;
}

function formatCounts(counts: Counts, duration: number): string {
  const unlessZero = [
    [counts.late, "late", "late"],
    [counts.duplicates, "duplicate", "duplicates"],
    [counts.reordered, "reordered", "reordered"],
    [counts.unexpected, "unexpected", "unexpected"],
    [counts.extraBytes, "extra byte", "extra bytes"],
    [counts.missingBytes, "missing byte", "missing bytes"],
  ] as const;
  return [
    `${counts.sent} sent`,
    `${counts.received} received`,
    `${lossPercent(counts)}% loss`,
    `${counts.corrupt} corrupt`,
    ...unlessZero.filter(([count]) => count > 0).map(([count, one, many]) =>
      `${count} ${count === 1 ? one : many}`
    ),
    `time ${duration.toFixed()} ms`,
  ].join(", ");
}

function formatRoundTrips({ min, avg, max, p99 }: RoundTripSummary): string {
  const figures = [min, avg, max, p99].map((ms) => ms.toFixed(3));
  return `rtt min/avg/max/p99 = ${figures.join("/")} ms`;
}

function lossPercent({ sent, lost }: Counts): number {
  return sent === 0 ? 0 : Number((100 * lost / sent).toPrecision(6));
}

function roundToMicroseconds(
  summary: RoundTripSummary | undefined,
): RoundTripSummary | null {
  if (summary === undefined) return null;
  const { min, avg, max, p99 } = summary;
  return {
    min: toMicroseconds(min),
    avg: toMicroseconds(avg),
    max: toMicroseconds(max),
    p99: toMicroseconds(p99),
  };
}

/** Rounds milliseconds to three digits. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** Standard output, with a status line below the others on a terminal. */
interface Screen {
  print(line: string): void;
  /** Replaces the status line; does nothing without a terminal. */
  status(text: string): void;
  erase(): void;
}

/** Erases from the cursor to the end of the screen. */
const ERASE_BELOW = "\x1b[J";
/** A terminal may have become narrower before its signal arrives. */
const [WRAP_OFF, WRAP_ON] = ["\x1b[?7l", "\x1b[?7h"];

function createScreen(): Screen {
  const { stdout } = process;
  let statusLine = "";
  const write = (text: string) => {
    // One column less: a full line would wrap. A narrower terminal has wrapped
    // what was there, so all below goes.
    const cut = escapeControls(text).slice(0, (stdout.columns || 80) - 1);
    // The cursor returns: a terminal prints ^C at its position.
    stdout.write(`${WRAP_OFF}\r${cut}${ERASE_BELOW}\r${WRAP_ON}`);
  };
  const erase = () => {
    if (statusLine !== "") write("");
    statusLine = "";
  };
  if (stdout.isTTY) {
    stdout.on("resize", () => {
      if (statusLine !== "") write(statusLine);
    });
  }
  return {
    print(line) {
      erase();
      stdout.write(`${escapeControls(line)}\n`);
    },
    status(text) {
      if (!stdout.isTTY) return;
      statusLine = text;
      write(text);
    },
    erase,
  };
}
