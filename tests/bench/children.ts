import { scratch } from "./tools.ts";

/** A program under way. */
export interface Child {
  readonly pid: number;
  /** Its first line; rejects with what it complained about if it has none. */
  readonly firstLine: Promise<string>;
  /** Kills it, and waits until it is gone. */
  stop(): Promise<void>;
}

/** Milliseconds after which a child is ended, whatever it does. */
const LONGEST = 60_000;

const alive = new Set<Deno.ChildProcess>();

/** Starts a program, on one core where the system can do that. */
export function start(command: readonly string[], core: number): Child {
  const [program, ...args] = [...pin(core), ...command];
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LONGEST),
  }).spawn();
  alive.add(child);
  const complaints = new Response(child.stderr).text();
  // Nobody may be interested in the line when the child is stopped.
  const firstLine = lineOf(child.stdout, complaints);
  firstLine.catch(() => {});
  return {
    pid: child.pid,
    firstLine,
    async stop() {
      kill(child);
      await child.status;
      alive.delete(child);
    },
  };
}

async function lineOf(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
  complaints: Promise<string>,
): Promise<string> {
  let text = "";
  for await (
    const part of stdout.pipeThrough(new TextDecoderStream())
  ) {
    text += part;
    const end = text.indexOf("\n");
    if (end >= 0) return text.slice(0, end);
  }
  throw new Error(reasonIn(await complaints));
}

/** Not the excerpt of the source that may come before it. */
const COMPLAINT = /^\w*error:|: (fatal )?error:|failed|bad option/i;

/** The line that says what went wrong, without colours. */
function reasonIn(complaints: string): string {
  // deno-lint-ignore no-control-regex
  const lines = complaints.replace(/\x1b\[\d*m/g, "").trim().split("\n");
  return lines.find((line) => COMPLAINT.test(line)) ||
    lines[0] || "it ended without a word";
}

const CAN_PIN = navigator.hardwareConcurrency > 1 && await hasTaskset();

function pin(core: number): string[] {
  return CAN_PIN ? ["taskset", "-c", String(core)] : [];
}

async function hasTaskset(): Promise<boolean> {
  try {
    return (await new Deno.Command("taskset", { args: ["-V"] }).output())
      .success;
  } catch {
    return false;
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Leaves nothing behind, however this program ends. */
function cleanUp(): void {
  for (const child of alive) kill(child);
  try {
    Deno.removeSync(scratch, { recursive: true });
  } catch {
    // It is gone already.
  }
}

addEventListener("unload", cleanUp);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => Deno.exit(130));
}
