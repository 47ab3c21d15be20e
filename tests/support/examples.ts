// What the tests of the examples share: how to run them, and where they serve.
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  connect,
  type ConnectOptions,
  listen,
  SocketError,
} from "../../mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { certificates } from "./certificates.ts";
import { cli } from "./cli.ts";
import { noSignals, noUnix } from "./platform.ts";
import { deno, type Program, python, type Runtime, start } from "./programs.ts";
import {
  pathOf,
  portOf,
  type TransportName,
  transports,
} from "./transports.ts";

export const options = { timeout: 60_000 };
/** For tests that end a program by a signal. */
export const signalled = { ...options, skip: noSignals() };
/** For tests of Unix sockets alone. */
export const unixOnly = { ...options, skip: noUnix() };

export function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url));
}

/** The script that has this name, as "chat" or "parley echo", with arguments. */
export function scriptOf(name: string, ...args: string[]): string[] {
  const [first, ...command] = name.split(" ");
  return first === "parley"
    ? [cli, ...command, ...args]
    : [example(name), ...args];
}

/** The command line that runs an example, or a command of `parley`. */
export function command(
  runtime: Runtime,
  name: string,
  ...args: string[]
): string[] {
  return [...runtime.command, ...scriptOf(name, ...args)];
}

/** Waits for the one line that a server prints; returns the port in it. */
export async function ready(
  server: Program,
  host = "127.0.0.1",
): Promise<number> {
  const line = await server.line();
  const port = line.slice(line.lastIndexOf(":") + 1);
  assertEquals(line, `listening on ${host}:${Number(port)}`);
  return Number(port);
}

/**
 * Deno as a user starts it. A Deno adds `-A` where a child process is the path
 * of its own executable and `run`; this is another path to the same.
 */
function denoRun(...args: string[]): string[] {
  const run = deno.command.slice(0, deno.command.indexOf("run") + 1);
  const path = run[0].replace(/(?<=[/\\])[^/\\]+$/, "./$&");
  return [path, ...run.slice(1), "--no-check", ...args];
}

/** With the permissions given here only. */
export function only(...args: string[]): string[] {
  return denoRun("--no-prompt", ...args);
}

/** Runs it on a terminal that `script` has: `pty`, and its `command`. */
export function onTerminal(script: string, ...args: string[]): string[] {
  return python(
    "import json, os, pty, select\ncommand = json.loads(args[0])\n" + script,
    JSON.stringify(denoRun(...args)),
  );
}

export async function assertPrints(
  command: string[],
  stdout: string,
): Promise<void> {
  await using program = start(command);
  assertEquals(await program.ended, { stdout, stderr: "", status: 0 });
}

/** The status of `parley` after wrong arguments. */
export const WRONG_ARGUMENTS = 2;

/** Asserts one line on standard error, which says this, and a status. */
export async function assertFails(
  command: string[],
  says: string,
  expected = 1,
): Promise<void> {
  await using program = start(command);
  const call = command.slice(-4).join(" ");
  // A server that does not fail would not end either.
  const line = await program.line().catch(() => undefined);
  assertEquals(line, undefined, `${call} does not fail`);
  const { stdout, stderr, status } = await program.ended;
  assertEquals(stdout, "", call);
  assert(/^[^\n]+\n$/.test(stderr), `${call}: not one line:\n${stderr}`);
  assert(stderr.includes(says), `${call}: ${stderr}`);
  assertEquals(status, expected, call);
}

/** Deno's `child.kill` reports the signal as the end, whatever the status. */
export function signal(server: Program, name: "SIGINT" | "SIGTERM"): void {
  const { pid } = server.process;
  assert(pid !== undefined);
  process.kill(pid, name);
}

/** Waits until a server that is shutting down refuses clients. */
export async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      const conn = await connect({ port });
      await conn.close();
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      if (error.code === "ECONNREFUSED") return;
      // It was in the queue when the listener closed.
      assertEquals(error.code, "ECONNRESET");
    }
  }
}

export async function freePort(): Promise<number> {
  await using listener = await listen({ port: 0 });
  return portOf(listener.addr);
}

/** The files for the flags of TLS; without `openssl` there is none. */
export const identity: string[] = certificates === undefined
  ? []
  : ["--cert", certificates.certFile, "--key", certificates.keyFile];

/** The transports of a stream that are tested here. */
export const streamNames: TransportName[] = transports.map(({ name }) => name);
/** All transports that are tested here. */
export const transportNames: TransportName[] = [...streamNames, "UDP"];

/** Flags for a server at a new place. */
export function listenFlags(transport: TransportName): string[] {
  switch (transport) {
    case "TCP/IPv4":
      return ["--port", "0"];
    case "TCP/IPv6":
      return ["--port", "0", "--hostname", "::1"];
    case "UDP":
      return ["--port", "0", "--udp"];
    case "TLS":
      return ["--port", "0", ...identity];
    case "Unix":
      return ["--unix", pathOf()];
  }
}

/** What a server prints that listens; its port is a group. */
export function listening(transport: TransportName, path: string): RegExp {
  const at = {
    "TCP/IPv4": "127\\.0\\.0\\.1:([1-9]\\d*)",
    "TCP/IPv6": "\\[::1\\]:([1-9]\\d*)",
    "UDP": "udp 127\\.0\\.0\\.1:([1-9]\\d*)",
    "TLS": "tls 127\\.0\\.0\\.1:([1-9]\\d*)",
    "Unix": `unix:${path}()`,
  };
  return new RegExp(`^listening on ${at[transport]}$`);
}

/** A server that is ready for clients. */
export interface Served extends Program {
  port: number;
  path: string;
  /** How `connect` reaches it. */
  target: ConnectOptions;
  /** How `client.ts` reaches it. */
  client: string[];
}

/** Starts a server, and checks what it says about where it listens. */
export async function serve(
  runtime: Runtime,
  transport: TransportName,
  name: string,
  ...args: string[]
): Promise<Served> {
  const flags = listenFlags(transport);
  const server = start(command(runtime, name, ...flags, ...args));
  try {
    const path = transport === "Unix" ? flags[1] : "";
    const line = await server.line();
    const match = listening(transport, path).exec(line);
    assert(match !== null, `${name} ${flags.join(" ")}: ${line}`);
    const port = Number(match[1]);
    return { ...server, port, path, ...clientOf(transport, port, path) };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** How clients get to a server that listens there. */
export function clientOf(
  transport: TransportName,
  port: number,
  path: string,
): Pick<Served, "target" | "client"> {
  const flags = ["--port", String(port)];
  switch (transport) {
    case "TCP/IPv4":
      return { target: { port }, client: flags };
    case "TCP/IPv6": {
      const target = { hostname: "::1", port };
      return { target, client: ["--hostname", "::1", ...flags] };
    }
    case "UDP":
      return { target: { port }, client: ["--udp", ...flags] };
    case "Unix":
      return { target: { transport: "unix", path }, client: ["--unix", path] };
    case "TLS": {
      assert(certificates !== undefined);
      const { ca, caFile } = certificates;
      const target = { port, tls: { caCerts: [ca] } };
      return { target, client: ["--ca", caFile, ...flags] };
    }
  }
}
