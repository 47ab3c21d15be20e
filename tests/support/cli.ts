// What the tests of the command line share: how to run it, what `ping` tells.
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "./assert.ts";
import { certificates } from "./certificates.ts";
import { type Program, type Runtime, start } from "./programs.ts";

export const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** The command line that runs a command of ours. */
export function parley(runtime: Runtime, ...args: string[]): string[] {
  return [...runtime.command, cli, ...args];
}

/** The document of `ping --json`. */
export interface Document {
  target: string;
  transport: string;
  size: number;
  ok: boolean;
  sent: number;
  received: number;
  corrupt: number;
  lost: number;
  late: number;
  duplicates: number;
  reordered: number;
  unexpected: number;
  extraBytes: number;
  missingBytes: number;
  lossPercent: number;
  rtt: { min: number; avg: number; max: number; p99: number } | null;
  duration: number;
  faults: { kind: string; seq?: number; byte?: number; text: string }[];
  error: { code: string | null; message: string } | null;
}

/** Runs `ping --json`; its status and its document agree, if it is right. */
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

/** Asserts that nothing was wrong with any of these messages. */
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

/** Asserts one line on standard error, which says this, and the status. */
export async function assertRefuses(
  command: string[],
  says: string,
  expected: number,
): Promise<void> {
  await using program = start(command);
  const { stdout, stderr, status } = await program.ended;
  const call = `${command.slice(-3).join(" ")}: ${stderr}`;
  assertEquals(stdout, "", call);
  assert(/^parley: [^\n]+\n$/.test(stderr), call);
  assert(stderr.includes(says), call);
  assertEquals(status, expected, call);
}

/** The port that a server has printed in its first line. */
export async function portIn(server: Program): Promise<number> {
  const line = await server.line();
  const port = Number(/(\d+)$/.exec(line)?.[1]);
  assert(port > 0, line);
  return port;
}

/** What `ping` takes for a server that said where it listens. */
export function targetIn(line: string): string[] {
  const [, kind, address] = /^listening on (?:(tls|udp) )?(\S+)$/.exec(line) ??
    [];
  assert(address !== undefined, line);
  if (kind === undefined) return [address];
  if (kind === "udp") return [address, "--udp"];
  assert(certificates !== undefined);
  return [address, "--ca", certificates.caFile];
}
