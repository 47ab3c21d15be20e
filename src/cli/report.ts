// What `ping` says: a line for each reply and a summary, or one JSON document.
import process from "node:process";
import type { Book, Counts, Event } from "./book.ts";
import type { Difference } from "./difference.ts";
import { screen } from "./live_line.ts";
import type { Plan } from "./plan.ts";
import type { TimesSummary } from "./times.ts";

/** How a run went in the end. */
export interface Outcome {
  book: Book;
  /** Milliseconds. */
  duration: number;
  /** Whether all came back as it was sent, and nothing else did. */
  ok: boolean;
  /** What broke it off. */
  error: unknown;
}

/** Says what happens, and how it went. */
export interface Report {
  tell(event: Event, book: Book): void;
  finish(outcome: Outcome): void;
}

/** The document of `--json`; times are milliseconds. */
interface Document extends Counts {
  target: string;
  transport: string;
  size: number;
  ok: boolean;
  lossPercent: number;
  rtt: TimesSummary | null;
  duration: number;
  faults: Fault[];
  error: { code: string | null; message: string } | null;
}

interface Fault {
  kind: string;
  seq?: number;
  /** Where the first wrong byte is. */
  byte?: number;
  text: string;
}

/** So many faults stand in the document; the counts know of all. */
const MOST_FAULTS = 100;

/** Lines for people. */
export function lines({ target }: Plan): Report {
  const output = screen();
  return {
    tell(event, book) {
      if (event.kind !== "sent") output.print(describe(event));
      output.status(progress(book));
    },
    finish({ book, duration }) {
      output.erase();
      if (book.counts.sent === 0) return;
      output.print(`--- ${target.name} ping statistics ---`);
      output.print(summary(book.counts, duration));
      const times = book.times.summary();
      if (times !== undefined) output.print(roundTrips(times));
    },
  };
}

/** One document for programs. */
export function json({ target, size }: Plan): Report {
  const faults: Fault[] = [];
  return {
    tell(event) {
      const { kind } = event;
      if (kind === "sent" || kind === "reply") return;
      if (faults.length === MOST_FAULTS) return;
      faults.push({
        kind: isTruncated(event) ? "truncated" : kind,
        seq: "seq" in event ? event.seq : undefined,
        byte: kind === "corrupt" ? event.difference.byte : undefined,
        text: describe(event),
      });
    },
    finish({ book, duration, ok, error }) {
      const document: Document = {
        target: target.name,
        transport: target.transport,
        size,
        ok,
        ...book.counts,
        lossPercent: lossOf(book.counts),
        rtt: rounded(book.times.summary()),
        duration: toMicroseconds(duration),
        faults,
        error: error === undefined ? null : problem(error),
      };
      // Not `console.log`, which on Bun does not tell of a full disk.
      process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    },
  };
}

function problem(error: unknown): { code: string | null; message: string } {
  if (!(error instanceof Error)) return { code: null, message: String(error) };
  const code = "code" in error && typeof error.code === "string"
    ? error.code
    : null;
  return { code, message: error.message };
}

function describe(event: Exclude<Event, { kind: "sent" }>): string {
  switch (event.kind) {
    case "lost":
      return `seq=${event.seq} lost: ${event.why}`;
    case "end":
      return event.why;
    case "unexpected":
      return `${
        many(event.bytes)
      } from ${event.from}: unexpected, ${event.why}`;
  }
  const { bytes, from, seq } = event;
  const what = `${many(bytes)} from ${from}: seq=${seq}`;
  switch (event.kind) {
    case "corrupt":
      return `${what} ${
        isTruncated(event) ? "truncated" : "corrupt"
      } at byte ${event.difference.byte}: ${explain(event.difference)}`;
    case "duplicate":
      return `${what} duplicate`;
    case "late":
      return `${what} time=${event.ms.toFixed(3)} ms, late`;
    case "reply":
      return `${what} time=${event.ms.toFixed(3)} ms${
        event.reordered ? ", reordered" : ""
      }`;
  }
}

/** Whether nothing is wrong but that its end is missing. */
function isTruncated(event: Event): boolean {
  if (event.kind !== "corrupt") return false;
  const { kind, byte } = event.difference;
  return kind === "missing" && byte === event.bytes;
}

function explain(difference: Difference): string {
  switch (difference.kind) {
    case "changed":
      return `${hex(difference.was)}, not ${hex(difference.expected)}`;
    case "extra":
      return `${many(difference.bytes)} too many`;
    case "missing":
      return `${many(difference.bytes)} missing`;
  }
}

function many(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

function progress({ counts, waiting }: Book): string {
  const { sent, received, corrupt, lost } = counts;
  return `${sent} sent, ${received} received, ${waiting} waiting, ` +
    `${lost} lost, ${corrupt} corrupt`;
}

function summary(counts: Counts, duration: number): string {
  const seldom = [
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
    `${lossOf(counts)}% loss`,
    `${counts.corrupt} corrupt`,
    ...seldom.filter(([count]) => count > 0).map(([count, one, many]) =>
      `${count} ${count === 1 ? one : many}`
    ),
    `time ${duration.toFixed()} ms`,
  ].join(", ");
}

function roundTrips({ min, avg, max, p99 }: TimesSummary): string {
  const figures = [min, avg, max, p99].map((ms) => ms.toFixed(3));
  return `rtt min/avg/max/p99 = ${figures.join("/")} ms`;
}

function lossOf({ sent, lost }: Counts): number {
  return sent === 0 ? 0 : Number((100 * lost / sent).toPrecision(6));
}

function rounded(times: TimesSummary | undefined): TimesSummary | null {
  if (times === undefined) return null;
  const { min, avg, max, p99 } = times;
  return {
    min: toMicroseconds(min),
    avg: toMicroseconds(avg),
    max: toMicroseconds(max),
    p99: toMicroseconds(p99),
  };
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
