import { setTimeout } from "node:timers";
import { escapeJson } from "../escape.ts";
import { log } from "../servers/log.ts";

/** Lines of one event in a second; the rest are counted. */
const LINES = 5;
const SECOND = 1000;

/** What a line says, beside its time; `text` stands for it in plain lines. */
interface LogEvent {
  event: "connect" | "reject" | "suppressed" | "shutdown";
  peer?: string;
  code?: string;
  /** Lines that were left out, or clients that the shutdown waits for. */
  count?: number;
  text: string;
}

/** Prints an event as a line with its time, or as a JSON document. */
export function logEvent({ text, ...event }: LogEvent, json: boolean): void {
  const time = new Date().toISOString();
  if (!json) return log(`${time} ${text}`);
  const message = ["reject", "shutdown"].includes(event.event)
    ? text
    : undefined;
  log(escapeJson(JSON.stringify({ time, ...event, message })));
}

/**
 * Returns a callback that logs the event of each call, at most five a second,
 * and then how many more there were: whoever can connect can cause a reject.
 */
export function limitedLog<Args extends unknown[]>(
  toEvent: (...args: Args) => LogEvent,
  json: boolean,
): (...args: Args) => void {
  let calls = 0;
  const startAgain = () => {
    const count = calls - LINES;
    calls = 0;
    if (count <= 0) return;
    const text = `… and ${count} more that were rejected`;
    logEvent({ event: "suppressed", count, text }, json);
  };
  return (...args) => {
    // The timer must not keep the process.
    if (calls++ === 0) setTimeout(startAgain, SECOND).unref();
    if (calls <= LINES) logEvent(toEvent(...args), json);
  };
}
