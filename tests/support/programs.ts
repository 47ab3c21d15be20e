// Other programs as child processes: the runtimes, Python.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { onBun, onDeno, platform } from "./platform.ts";
import process from "node:process";

/** A runtime to run examples and peers with: its name and command line. */
export interface Runtime {
  readonly name: "deno" | "bun" | "node";
  readonly command: string[];
}

/** The oldest Node.js that the package supports, and the one under test. */
export const NODE_MAJOR = 24;

function runtime(
  name: Runtime["name"],
  isCurrent: boolean,
  ...run: string[]
): Runtime {
  // In the environment, so that one search serves all files and processes.
  const variable = `PARLEY_${name.toUpperCase()}`;
  const find = () => installed(name) ? name : fromNpm(name);
  return {
    name,
    get command() {
      const program = isCurrent
        ? process.execPath
        : process.env[variable] ??= find();
      return [program, ...run];
    },
  };
}

function installed(name: Runtime["name"]): boolean {
  const { status, stdout } = spawnSync(name, ["--version"], {
    encoding: "utf8",
  });
  if (name !== "node") return status === 0;
  return Number(/^v(\d+)/.exec(stdout ?? "")?.[1]) >= NODE_MAJOR;
}

/** The program itself, since npx would keep signals from it. */
function fromNpm(name: Runtime["name"]): string {
  const from = name === "node" ? nodePackage() : name;
  const args = ["-y", "-p", from, "-c", `command -v ${name}`];
  const { stdout, status } = spawnSync("npx", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`npx cannot install ${from}`);
  return stdout.trim();
}

/** The package with the program: `node` has a script that npm may block. */
function nodePackage(): string {
  const system = platform === "win32" ? "win" : platform;
  return `node-${system}-${process.arch}@${NODE_MAJOR}`;
}

export const bun = runtime("bun", onBun);
export const deno = runtime("deno", onDeno, "run", "-A", "--no-check");
export const node = runtime("node", !onBun && !onDeno);
/** The runtime that this module runs on. */
export const here: Runtime = onBun ? bun : onDeno ? deno : node;
export const runtimes: readonly Runtime[] = [deno, bun, node];

/** A child process: its lines one by one, its end. */
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
  const lines: string[] = [];
  let over = false;
  const waiting: (() => void)[] = [];
  const wake = () => waiting.splice(0).forEach((resolve) => resolve());
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  }).on("close", () => {
    over = true;
    wake();
  });
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
        await new Promise<void>((resolve) => waiting.push(resolve));
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

const PYTHON = "PARLEY_PYTHON";

/**
 * The interpreter itself: where `python3` is a script that looks for one, as
 * pyenv's is, that takes ten times as long as the interpreter. A variable of
 * the process, since each file that is tested loads this module again.
 */
function interpreter(): string {
  return process.env[PYTHON] ??= ((): string => {
    const name = platform === "win32" ? "python" : "python3";
    const script = "import sys; print(sys.executable, end='')";
    const { stdout } = spawnSync(name, ["-c", script], { encoding: "utf8" });
    return stdout || name;
  })();
}

/**
 * Runs a Python program that has `socket` and its arguments at hand, and
 * only the standard library, which is fast to import.
 */
export function python(script: string, ...args: (string | number)[]): string[] {
  const prelude = "import socket, struct, sys, threading\n" +
    // The same lines on Windows.
    "sys.stdout.reconfigure(encoding='utf-8', newline='\\n')\n" +
    "args = sys.argv[1:]\nsocket.setdefaulttimeout(20)\n";
  const command = [interpreter(), "-I", "-S", "-c", prelude + script];
  return [...command, ...args.map(String)];
}
