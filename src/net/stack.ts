// Stacks that start at the line of the caller, not in this package.
import { SocketError } from "../errors.ts";

/** The URL of this package's folder; undefined where it is part of a bundle. */
const FOLDER = /^.*\/src\/(?=net\/stack\.[jt]s$)/.exec(import.meta.url)?.[0];
/** The folder as a path, which is what Bun's stacks have. */
const PATH = FOLDER && decodeURI(FOLDER.replace(/^file:\/\//, ""));
/** A frame of the runtime, as `(node:net:1:2)` or `Promise.all (index 0)`. */
const RUNTIME =
  /[ (](node|ext|native|internal|unknown)[:)]|\((index|<anonymous>)/;

function framesIn(stack: string = ""): string[] {
  return stack.split("\n").filter((line) => /^ +at /.test(line));
}

/** Returns the frames from the caller's first one on; none if there is none. */
function framesOfCaller({ stack }: Error): string[] {
  const frames = framesIn(stack);
  const first = frames.findIndex(isCaller);
  if (first < 0) return [];
  // Bun prints the line of a stack's first frame, unless it has no parentheses.
  return frames.slice(first).map((frame) =>
    frame.replace(/^( +at )(\/.*)/, "$1<anonymous> ($2)")
  );
}

function isCaller(frame: string): boolean {
  if (RUNTIME.test(frame)) return false;
  return FOLDER === undefined ||
    !(frame.includes(FOLDER) || frame.includes(PATH!));
}

/**
 * Has the stack of an error start at the caller's frame in a trace, or leaves
 * it as it is. That is found out when it is read: few stacks are, and to read
 * one ends Deno by a panic where no descriptor is left.
 */
export function startAtCaller(
  error: Error,
  trace: Error,
  otherwise: () => readonly string[] = () => [],
): void {
  const { name, message } = error;
  const set = (value: unknown) =>
    Object.defineProperty(error, "stack", {
      value,
      configurable: true,
      writable: true,
    });
  const get = () => {
    const found = framesOfCaller(trace);
    const frames = found.length > 0 ? found : otherwise();
    const stack = [`${name}: ${message}`, ...frames].join("\n");
    set(stack);
    return stack;
  };
  Object.defineProperty(error, "stack", { get, set, configurable: true });
}

/**
 * Rejects a call that has waited. The stack of a {@linkcode SocketError} then
 * starts where the caller awaits the call, as far as V8 knows, which costs
 * nothing before there is an error. JavaScriptCore knows only of async
 * functions that await each other.
 */
export function rejectCall(
  { resolve, reject }: {
    resolve: (value: Promise<never>) => void;
    reject: (reason: unknown) => void;
  },
  reason: unknown,
): void {
  if (!(reason instanceof SocketError)) return reject(reason);
  const rejection = rejected(reason, () => {
    // A call that is settled already has not taken it.
    rejection.catch(() => {});
  });
  resolve(rejection);
}

/** @param onTraced Called when the promise may have other users as well. */
async function rejected(
  error: SocketError,
  onTraced: () => void,
): Promise<never> {
  // After two turns `resolve` has tied this promise to that of the call.
  await undefined;
  await undefined;
  const { get = () => error.stack } =
    Object.getOwnPropertyDescriptor(error, "stack") ?? {};
  startAtCaller(error, new Error(), () => framesIn(get.call(error)));
  onTraced();
  throw error;
}
