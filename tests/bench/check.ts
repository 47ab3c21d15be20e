// Compares counts that do not depend on the machine with those of a file.
import { bind, connect, type NetAddress } from "../../mod.ts";
import { RUN, type Runtime, RUNTIMES } from "./programs.ts";
import { scratch } from "./tools.ts";

const FILE = `${import.meta.dirname}/counts.json`;
const SERVER = `${import.meta.dirname}/servers/counted.ts`;
const WORKS = ["echo", "loop", "lines", "udp"] as const;
type Work = typeof WORKS[number];

/** For one message; absent where the runtime or the machine cannot count. */
interface Counts {
  syscalls?: number;
  promises?: number;
  /** Allocated on the heap of JavaScript. */
  bytes?: number;
}
type Recorded = Record<Runtime, Record<Work, Counts>>;

/** What may be more than the file says, as a share and beside it. */
const TOLERANCE = {
  syscalls: { share: 0.1, more: 0.2 },
  promises: { share: 0.02, more: 0.1 },
  bytes: { share: 0.1, more: 50 },
} as const;
const KINDS = ["syscalls", "promises", "bytes"] as const;

/** A message, and the number of them in each measurement. */
const SIZE = 64;
const WARMUP = 2000;
const COUNTED = 10_000;
const TRACED = 300;
/** What `counted.ts` answers at a time. */
const LINES = 50;

/** The calls of a socket; others are of the garbage collector and timers. */
const CALLS = [
  ...["read", "write", "readv", "writev", "recvfrom", "sendto", "recvmsg"],
  ...["sendmsg", "recvmmsg", "sendmmsg", "epoll_wait", "epoll_pwait"],
  ...["epoll_pwait2", "epoll_ctl"],
];

/**
 * V8 neither collects garbage while it is counted, nor optimizes, for when it
 * does depends on the time.
 */
const V8 = ["--no-opt", "--no-maglev", "--min-semi-space-size=128"];
V8.push("--max-semi-space-size=128");

function commandOf(runtime: Runtime): string[] {
  const [program, ...args] = RUN[runtime];
  if (runtime === "Node") return [program, ...V8, ...args];
  if (runtime === "Bun") return [program, ...args];
  return [program, ...args, "--no-check", `--v8-flags=${V8.join(",")}`];
}

/** Counts on every runtime; returns whether nothing has grown. */
export async function check(update: boolean): Promise<boolean> {
  const found = await Promise.all(RUNTIMES.map(async (runtime) => {
    const counts: Partial<Record<Work, Counts>> = {};
    for (const work of WORKS) counts[work] = await count(runtime, work);
    return [runtime, counts];
  }));
  const counts: Recorded = Object.fromEntries(found);
  if (update) {
    await Deno.writeTextFile(FILE, `${JSON.stringify(counts, null, 2)}\n`);
  }
  const recorded: Recorded = JSON.parse(await Deno.readTextFile(FILE));
  return RUNTIMES.flatMap((runtime) =>
    WORKS.map((work) =>
      compare(
        `${runtime} ${work}`,
        counts[runtime][work],
        recorded[runtime][work],
      )
    )
  ).every((isFine) => isFine);
}

/** Prints a line; returns whether nothing has grown. */
function compare(name: string, counts: Counts, recorded: Counts): boolean {
  let isFine = true;
  const parts = KINDS.flatMap((kind) => {
    const [now, before] = [counts[kind], recorded[kind]];
    if (now === undefined || before === undefined) return [];
    const { share, more } = TOLERANCE[kind];
    const hasGrown = now > before * (1 + share) + more;
    if (hasGrown) isFine = false;
    return `${now} ${kind}` + (hasGrown ? `, MORE than ${before}` : "");
  });
  console.log(`${name}: ${parts.join(", ") || "nothing to count"}`);
  return isFine;
}

async function count(runtime: Runtime, work: Work): Promise<Counts> {
  const [program, ...args] = commandOf(runtime);
  const server = new Deno.Command(program, {
    args: [...args, SERVER, work],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(60_000),
  }).spawn();
  const asking = server.stdin.getWriter();
  const output = linesOf(server.stdout);
  const ask = async () => {
    await asking.write(new TextEncoder().encode("\n"));
    return JSON.parse(await output());
  };
  try {
    const to = { hostname: "127.0.0.1", port: Number(await output()) };
    await using client = await clientOf(work, { transport: "tcp", ...to });
    await client.exchange(WARMUP);
    const before = await ask();
    await client.exchange(COUNTED);
    const after = await ask();
    const perMessage = (kind: "promises" | "bytes", digits: number) =>
      round((after[kind] - before[kind]) / COUNTED, digits);
    return {
      ...await countCalls(server.pid, () => client.exchange(TRACED, 1)),
      ...(runtime === "Node" ? { promises: perMessage("promises", 2) } : {}),
      // JavaScriptCore updates it when it collects garbage.
      ...(runtime === "Bun" ? {} : { bytes: perMessage("bytes", 0) }),
    };
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

interface Client extends AsyncDisposable {
  /** Sends messages, each after the answer to the last and a pause. */
  exchange(count: number, pause?: number): Promise<void>;
}

async function clientOf(work: Work, to: NetAddress): Promise<Client> {
  const message = new Uint8Array(SIZE).fill(10, -1);
  const atOnce = work === "lines" ? LINES : 1;
  const block = new Uint8Array(SIZE * atOnce);
  for (let i = 0; i < atOnce; i++) block.set(message, i * SIZE);
  const socket = work === "udp"
    ? await bind({ port: 0 })
    : await connect({ hostname: to.hostname, port: to.port });
  const talk = async () => {
    if ("sendTo" in socket) {
      await socket.sendTo(block, to);
      await socket.recvFrom();
    } else {
      await socket.send(block);
      await socket.recvExactly(work === "lines" ? 1 : SIZE);
    }
  };
  return {
    async exchange(count, pause) {
      for (let i = 0; i < count; i += atOnce) {
        await talk();
        // So that the server has always gone to sleep.
        if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
      }
    },
    [Symbol.asyncDispose]: () => socket.close(),
  };
}

let traces = 0;
let hasComplained = false;

/** Counts system calls meanwhile; nothing where `strace` cannot. */
async function countCalls(
  pid: number,
  work: () => Promise<void>,
): Promise<Counts> {
  const file = `${scratch}/trace-${traces++}`;
  const options = ["-f", "-c", "-e", `trace=${CALLS.join(",")}`, "-o", file];
  try {
    const strace = new Deno.Command("strace", {
      args: [...options, "-p", String(pid)],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    // It says so when it has attached.
    const reader = strace.stderr.getReader();
    const { value } = await reader.read();
    const said = new TextDecoder().decode(value);
    if (!said.includes("attached")) throw new Error(said.trim());
    await work();
    strace.kill("SIGINT");
    while (!(await reader.read()).done);
    await strace.status;
    const calls = (await Deno.readTextFile(file)).split("\n")
      .filter((line) => CALLS.includes(line.trim().split(/ +/).at(-1) ?? ""))
      .reduce((sum, line) => sum + Number(line.trim().split(/ +/)[3]), 0);
    return { syscalls: round(calls / TRACED, 2) };
  } catch (error) {
    if (!hasComplained) console.log(`no system calls are counted: ${error}`);
    hasComplained = true;
    return {};
  }
}

/** Returns the next line each time. */
function linesOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return async () => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the server has ended");
      text += decoder.decode(value);
    }
    const end = text.indexOf("\n");
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    return line;
  };
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
