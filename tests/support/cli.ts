// Shared by the tests of the command line: start it, and parse its output.
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "./assert.ts";
import type { Document } from "./ping.ts";
import { type Program, type Runtime, start } from "./programs.ts";

export const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** Returns the command line that runs a command of `parley`. */
export function parley(runtime: Runtime, ...args: string[]): string[] {
  return [...runtime.command, cli, ...args];
}

/** Runs `ping --json`; asserts that status and document agree. */
export async function ping(
  runtime: Runtime,
  ...args: string[]
): Promise<Document> {
  await using program = start(parley(runtime, "ping", "--json", ...args));
  const { stdout, stderr, status } = await program.ended;
  const document: Document = JSON.parse(stdout);
  assertEquals(status, document.ok ? 0 : 1, stdout);
  const { sent, received, corrupt, lost, error } = document;
  assertEquals(received + corrupt + lost, sent, stdout);
  assertEquals(stderr, error === null ? "" : `parley: ${error.message}\n`);
  return document;
}

/** Asserts the status, and one line on standard error with this text. */
export async function assertRefuses(
  command: string[],
  text: string,
  expected: number,
): Promise<void> {
  await using program = start(command);
  const { stdout, stderr, status } = await program.ended;
  const call = `${command.slice(-3).join(" ")}: ${stderr}`;
  assertEquals(stdout, "", call);
  assert(/^parley: [^\n]+\n$/.test(stderr), call);
  assert(stderr.includes(text), call);
  assertEquals(status, expected, call);
}

/** Parses the port in the first line of a server. */
export async function portIn(server: Program): Promise<number> {
  const line = await server.line();
  const port = Number(/(\d+)$/.exec(line)?.[1]);
  assert(port > 0, line);
  return port;
}
