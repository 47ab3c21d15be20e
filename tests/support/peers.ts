// Servers written by others, each with a folder and a port of its own.
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { connect, type Connection, type ConnectOptions } from "../../mod.ts";
import { freePort } from "./examples.ts";
import { type Program, start } from "./programs.ts";

/** Where Debian has what a user's PATH may lack. */
const FOLDERS = [
  ...(process.env.PATH ?? "").split(delimiter),
  "/usr/sbin",
  "/usr/lib/postfix/sbin",
  ...postgresFolders("/usr/lib/postgresql"),
];

function postgresFolders(parent: string): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent).map((version) => join(parent, version, "bin"));
}

/** The path of a program, if it is installed. */
export function find(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find(existsSync);
}

/** Options of a test that needs these programs. */
export function withPrograms(
  ...names: string[]
): { timeout: number; skip: string | false } {
  const missing = names.filter((name) => find(name) === undefined);
  const skip = missing.length > 0 && `No ${missing.join(", ")}`;
  if (skip) console.log(`Skipped: ${skip}`);
  return { timeout: 60_000, skip };
}

export const isRoot = process.getuid?.() === 0;
/** Users and groups that own nothing have this number on Debian. */
export const NOBODY = 65534;

/** The command as root runs it without its rights. */
export function unprivileged(command: string[]): string[] {
  const [name, ...args] = command;
  const run = [find(name) ?? name, ...args];
  if (!isRoot) return run;
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  return ["setpriv", ...user, ...run];
}

/** A folder that a server without rights may use, until the test ends. */
export function ownFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "parley-"));
  if (isRoot) chownSync(path, NOBODY, NOBODY);
  return {
    path,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A server that is ready for clients. */
export interface Peer extends AsyncDisposable {
  port: number;
}

/** Starts a server by the command for its port and folder. */
export async function startPeer(
  command: (port: number, folder: string) => string[] | Promise<string[]>,
): Promise<Peer> {
  const folder = ownFolder();
  const port = await freePort();
  const program = start(await command(port, folder.path));
  const end = async () => {
    // A signal that lets a server end its own children.
    program.process.kill("SIGTERM");
    const timer = setTimeout(() => program.process.kill("SIGKILL"), 5000);
    await program.ended;
    clearTimeout(timer);
    folder[Symbol.dispose]();
  };
  try {
    await using _conn = await connectThrough(program, { port });
  } catch (error) {
    await end();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: end };
}

/** Connects once the program is up; one that ends instead says why. */
export async function connectThrough(
  program: Program,
  target: ConnectOptions,
): Promise<Connection> {
  let over: string | undefined;
  program.ended.then(({ stdout, stderr }) => over = stderr || stdout);
  for (;;) {
    try {
      return await connect(target);
    } catch (error) {
      if (over !== undefined) throw new Error(over, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
