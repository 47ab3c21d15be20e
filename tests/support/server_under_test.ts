// Starts the server of server.ts, watches it, and sees it to its end.
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Address, ListenOptions, ServerStats } from "../../mod.ts";
import { assertEquals } from "./assert.ts";
import { cpu, descriptors, memory } from "./proc.ts";
import { type Program, type Runtime, start } from "./programs.ts";

const SERVER = fileURLToPath(new URL("server_program.ts", import.meta.url));

export interface ServerUnderTest extends AsyncDisposable {
  readonly pid: number;
  readonly program: Program;
  readonly addrs: Address[];
  stats(): Promise<ServerStats[]>;
  /** Resolves when neither CPU time nor `progress` has moved for a while. */
  still(progress?: () => number): Promise<void>;
  /** Asks it to end; it must do so by itself, without a complaint. */
  end(): Promise<ServerStats[]>;
}

/** What a server's process may do. */
export interface ServerUnderTestOptions {
  role: "echo" | "talk" | "pour" | "deaf";
  places: ListenOptions[];
  /** Descriptors it may have; as many as this process unless given. */
  limit?: number;
}

export async function startServerUnderTest(
  { command }: Runtime,
  { role, places, limit }: ServerUnderTestOptions,
): Promise<ServerUnderTest> {
  const line = [...command, SERVER, role, JSON.stringify(places)];
  const program = start(
    limit === undefined ? line : ["sh", "-c", limited(limit), "sh", ...line],
  );
  try {
    const addrs: Address[] = JSON.parse(await program.line());
    return controls(program, addrs);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A script that runs its arguments with as many descriptors, and without the
 * file that Deno reads late, and complains that it cannot.
 */
export function limited(limit: number): string {
  return `ulimit -n ${limit}; unset NODE_EXTRA_CA_CERTS; exec "$@"`;
}

function controls(program: Program, addrs: Address[]): ServerUnderTest {
  const { pid } = program.process;
  if (pid === undefined) throw new Error("The server did not start");
  return {
    pid,
    program,
    addrs,
    async stats() {
      process.kill(pid, "SIGUSR2");
      return JSON.parse(await program.line());
    },
    async still(progress = () => 0) {
      const deadline = performance.now() + 60_000;
      const look = () => `${cpu(pid)} ${progress()}`;
      for (let before = "", same = 0; same < 3;) {
        if (performance.now() > deadline) throw new Error("It never rests");
        const now = look();
        same = now === before ? same + 1 : 0;
        before = now;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async end() {
      // Deno's `child.kill` would report the signal instead of the status.
      process.kill(pid, "SIGTERM");
      const stats = await program.line();
      const { status, stderr } = await program.ended;
      assertEquals({ status, stderr }, { status: 0, stderr: "" });
      return JSON.parse(stats);
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** How a server's process stands against an earlier time. */
export function watch(pid: number): {
  grown(): number;
  peak(): number;
  descriptors(): number;
} {
  const memoryBefore = memory(pid).now;
  const before = descriptors(pid);
  return {
    grown: () => memory(pid).now - memoryBefore,
    peak: () => memory(pid).peak - memoryBefore,
    descriptors: () => descriptors(pid) - before,
  };
}
