// What the tests share: the transports, a connected pair, other programs.
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import {
  type Address,
  connect,
  type Connection,
  type ConnectOptions,
  listen,
  type Listener,
  type ListenOptions,
  SocketError,
  type SocketErrorCode,
} from "../../mod.ts";
import { assertEquals, assertRejects } from "./assert.ts";
import { makeCertificates } from "./certificates.ts";
import { noUnix, platform } from "./platform.ts";

/** One way to carry a stream, with a fresh place for each listener. */
export interface Transport {
  name: string;
  /** Where to listen: anywhere, or again at the address of a listener. */
  listenOptions(at?: Address): ListenOptions;
  /** How a client reaches the listener at this address. */
  connectOptions(addr: Address): ConnectOptions;
}

/** Where this run keeps its files. */
export const folder = mkdtempSync(join(tmpdir(), "parley-"));
const clean = () => rmSync(folder, { recursive: true, force: true });
process.on("exit", clean);
// `deno test` ends without an `exit`, Bun without an `unload`.
globalThis.addEventListener("unload", clean);
let sockets = 0;

export const certificates = makeCertificates(folder);

export const transports: Transport[] = [
  {
    name: "TCP/IPv4",
    listenOptions: (at) => ({
      hostname: "127.0.0.1",
      port: at ? portOf(at) : 0,
    }),
    connectOptions: (addr) => ({ hostname: "127.0.0.1", port: portOf(addr) }),
  },
  {
    name: "TCP/IPv6",
    listenOptions: (at) => ({ hostname: "::1", port: at ? portOf(at) : 0 }),
    connectOptions: (addr) => ({ hostname: "::1", port: portOf(addr) }),
  },
];

if (!noUnix()) {
  transports.push({
    name: "Unix",
    listenOptions: (at) => ({ transport: "unix", path: pathOf(at) }),
    connectOptions: (addr) => ({ transport: "unix", path: pathOf(addr) }),
  });
}

if (certificates === undefined) console.log("No openssl, so TLS is not tested");
else {
  const { ca, server } = certificates;
  transports.push({
    name: "TLS",
    listenOptions: (at) => ({ port: at ? portOf(at) : 0, tls: server }),
    connectOptions: (addr) => ({ port: portOf(addr), tls: { caCerts: [ca] } }),
  });
}

/** The path of an address, or a fresh one. */
export function pathOf(addr?: Address): string {
  if (addr === undefined) return join(folder, `${++sockets}.sock`);
  if (addr.transport !== "unix") throw new TypeError("A port has no path");
  return addr.path;
}

export function portOf(addr: Address): number {
  if (addr.transport === "unix") throw new TypeError("A Unix path has no port");
  return addr.port;
}

/** Declares a behaviour once, and tests it over every transport. */
export function behaves(
  behaviour: string,
  test: (transport: Transport) => Promise<void>,
  over: Transport[] = transports,
): void {
  describe(behaviour, () => {
    for (const transport of over) {
      it(transport.name, { timeout: 30_000 }, () => test(transport));
    }
  });
}

/** Both ends of one connection, closed together with their listener. */
export interface Pair extends AsyncDisposable {
  listener: Listener;
  client: Connection;
  server: Connection;
}

export async function pair(transport: Transport): Promise<Pair> {
  const listener = await listen(transport.listenOptions());
  const [client, server] = await Promise.all([
    connect(transport.connectOptions(listener.addr)),
    listener.accept(),
  ]);
  return {
    listener,
    client,
    server,
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), server.close(), listener.close()]);
    },
  };
}

/** Receives until the peer ends. */
export async function recvAll(
  conn: Connection,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for (let data; (data = await conn.recv()) !== null;) chunks.push(data);
  return concat(chunks);
}

/** Receives exactly this many bytes. */
export async function recvExactly(
  conn: Connection,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for (let left = length; left > 0;) {
    const data = await conn.recv(left);
    if (data === null) throw new Error(`Ended with ${left} bytes missing`);
    chunks.push(data);
    left -= data.length;
  }
  return concat(chunks);
}

export function concat(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const total = chunks.reduce((sum, { length }) => sum + length, 0);
  const all = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

export function text(data: Uint8Array | null): string {
  return new TextDecoder().decode(data ?? undefined);
}

/** Bytes that show a loss, a repetition or a swap: no short period. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** Asserts with a message that stays readable for megabytes. */
export function assertSameBytes(
  actual: Uint8Array,
  expected: Uint8Array,
): void {
  assertEquals(actual.length, expected.length, "Lengths differ");
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(`Bytes differ at ${at}`);
}

/** Lets events that are due happen, without a guess at their time. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`Not in time: ${condition}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until a count stands still: a tenth of a second moves nothing. */
export async function stalled(count: () => number): Promise<void> {
  for (let before = -1; count() !== before || before === 0;) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A runtime to run examples and peers with: its name and command line. */
export interface Runtime {
  name: "deno" | "bun";
  command: string[];
}

const here = "Bun" in globalThis ? "bun" : "deno";

function runtime(name: Runtime["name"], ...run: string[]): Runtime {
  if (name === here) return { name, command: [process.execPath, ...run] };
  const installed = spawnSync(name, ["--version"]).status === 0;
  return { name, command: [installed ? name : fromNpm(name), ...run] };
}

/** The program itself, since npx would keep signals from it. */
function fromNpm(name: string): string {
  const args = ["-y", "-p", name, "-c", `command -v ${name}`];
  const { stdout, status } = spawnSync("npx", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`npx cannot install ${name}`);
  return stdout.trim();
}

export const bun = runtime("bun");
export const deno = runtime("deno", "run", "-A", "--no-check");
export const runtimes: Runtime[] = [deno, bun];

/** A program under way: its lines one by one, its end. */
export interface Program extends AsyncDisposable {
  readonly process: ChildProcess;
  /** The next line of its standard output. */
  line(): Promise<string>;
  /** Standard output, standard error and status, when it has ended. */
  ended: Promise<{ stdout: string; stderr: string; status: number | null }>;
}

export function start(command: string[]): Program {
  const [name, ...args] = command;
  const child = spawn(name, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8");
  child.stderr.setEncoding("utf8");
  child.stdout.on("data", (data) => stdout += data);
  child.stderr.on("data", (data) => stderr += data);
  const reader = createInterface({ input: child.stdout });
  const lines: string[] = [];
  let over = false;
  reader.on("line", (line) => lines.push(line)).on("close", () => over = true);
  const ended = new Promise<
    { stdout: string; stderr: string; status: number | null }
  >(
    (resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status) => resolve({ stdout, stderr, status }));
    },
  );
  return {
    process: child,
    ended,
    async line() {
      while (lines.length === 0) {
        if (over) throw new Error(`${command.join(" ")} ended: ${stderr}`);
        await Promise.race([once(reader, "line"), once(reader, "close")]);
      }
      return lines.shift()!;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Runs a program to its end; one that fails fails the test. */
export async function output(command: string[]): Promise<string> {
  await using program = start(command);
  const { stdout, stderr, status } = await program.ended;
  if (status !== 0) throw new Error(`Status ${status}: ${stderr}`);
  return stdout;
}

/** Runs a Python program that has `socket` and its arguments at hand. */
export function python(script: string, ...args: (string | number)[]): string[] {
  const prelude = "import socket, struct, sys, threading\n" +
    // The same lines on Windows.
    "sys.stdout.reconfigure(encoding='utf-8', newline='\\n')\n" +
    "args = sys.argv[1:]\nsocket.setdefaulttimeout(20)\n";
  const name = platform === "win32" ? "python" : "python3";
  return [name, "-c", prelude + script, ...args.map(String)];
}

/** Asserts that a call rejects with a SocketError of this code. */
export async function assertRejectsWith(
  code: SocketErrorCode,
  act: () => Promise<unknown>,
): Promise<SocketError> {
  const error = await assertRejects(act, SocketError);
  assertEquals(error.code, code);
  return error;
}
