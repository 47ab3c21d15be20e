// Messages on standard error. `console.error` throws on Deno when a disk is
// full, and blocks on Deno and Bun while the reader of a pipe does not read.
import process from "node:process";
import { inspect } from "node:util";
import { SocketError } from "../errors.ts";
import { escapeLines } from "../escape.ts";
import { standardError } from "../open.ts";

/** Characters that may wait to be written; beyond, messages are dropped. */
const MAX_QUEUED = 64 * 1024;
/** Characters of a message; the rest is cut. */
const MAX_MESSAGE = 8 * 1024;

const encoder = new TextEncoder();
/** The runtime's own, to notice that a program has put its own in place. */
const nativeConsoleError = console.error;

let queued = "";
let messages = 0;
let dropped = 0;
let writing: Promise<void> | undefined;

/**
 * Prints a message or an error on standard error, or passes it to
 * `console.error` if the program has replaced that. Never throws or blocks: what
 * cannot be written is dropped, and counted in a later message.
 */
export function log(message: unknown): void {
  try {
    if (console.error !== nativeConsoleError) return logToConsole(message);
    if (queued.length >= MAX_QUEUED) {
      dropped++;
      return;
    }
    queued += `${format(message)}\n`;
    messages++;
    writing ??= writeQueued();
  } catch {
    // The replaced console or `inspect` failed: there is no other place to
    // report that, and it must not end the server.
    dropped++;
  }
}

/** Waits until all messages are written, for a limited time. */
export async function flushLog(milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([writing, late]);
  clearTimeout(timer);
}

/** Like `instanceof`, which throws for a proxy that does. */
export function isSocketError(error: unknown): error is SocketError {
  try {
    return error instanceof SocketError;
  } catch {
    // Handlers and callbacks may throw any value, such a proxy, too.
    return false;
  }
}

function logToConsole(message: unknown): void {
  const result: unknown = console.error(message);
  // An async logger that rejects must not end the process either.
  if (result instanceof Promise) result.catch(() => dropped++);
}

function format(message: unknown): string {
  const text = typeof message === "string" ? message : inspect(message);
  const cut = text.length > MAX_MESSAGE
    ? `${text.slice(0, MAX_MESSAGE)}…`
    : text;
  // Peers may have chosen parts of an error's message: they must not look like
  // another one.
  return escapeLines(cut).replaceAll("\n", "\n  ");
}

/** Writes one batch after the other, each when the one before is written. */
async function writeQueued(): Promise<void> {
  while (queued !== "") {
    const [batch, inBatch, lost] = [queued, messages, dropped];
    [queued, messages, dropped] = ["", 0, 0];
    const note = lost === 0
      ? ""
      : `${lost} messages were dropped: standard error took none\n`;
    try {
      await write(note + batch);
    } catch {
      // A closed pipe or a full disk: the next message is another try.
      dropped += lost + inBatch;
    }
  }
  writing = undefined;
}

async function write(text: string): Promise<void> {
  if (standardError !== undefined) {
    return await standardError(encoder.encode(text));
  }
  const { stderr } = process;
  await new Promise<void>((resolve, reject) => {
    stderr.write(text, (error) => {
      if (!error) return resolve();
      // An `error` event follows, and ends the process if nothing listens.
      if (stderr.listenerCount("error") === 0) stderr.once("error", () => {});
      reject(error);
    });
  });
}
