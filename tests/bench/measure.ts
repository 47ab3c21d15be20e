import { start } from "./children.ts";
import type { Result } from "./client/result.ts";
import { type Files, type Program, RUN } from "./programs.ts";
import type { Row } from "./rows.ts";
import { makeCertificate, output, scratch } from "./tools.ts";

/** How often each measurement is done, and its milliseconds. */
export interface Plan {
  rounds: number;
  warmup: number;
  duration: number;
}

const SERVER_CORE = 0;
const CLIENT_CORE = 1;
const CLIENT = `${import.meta.dirname}/client/main.ts`;

let sockets = 0;

/** Runs one server and the client against it; rejects with what went wrong. */
export async function measure(
  program: Program,
  row: Row,
  { warmup, duration }: Plan,
): Promise<Result> {
  await checkDescriptors(row.connections);
  const files = await filesFor(row);
  const server = start(
    await program.command(row.transport, files),
    SERVER_CORE,
  );
  try {
    const port = Number(await server.firstLine);
    const task = {
      mode: row.mode,
      where: whereOf(row, files, port),
      pid: server.pid,
      connections: row.connections,
      size: row.size,
      inFlight: row.inFlight ?? 1,
      warmup: row.warmup ?? warmup,
      duration: row.duration ?? duration,
    };
    const runtime = row.mode === "stream" ? "Deno" : "Bun";
    const result = await ask([
      ...RUN[runtime],
      CLIENT,
      JSON.stringify(task),
    ]);
    note(program, row, result);
    return result;
  } finally {
    await server.stop();
  }
}

async function ask(command: readonly string[]): Promise<Result> {
  const client = start(command, CLIENT_CORE);
  try {
    const result: Result = JSON.parse(await client.firstLine);
    const errors = new Set(result.errors);
    if (errors.size > 0) throw new Error([...errors].join(", "));
    return result;
  } finally {
    await client.stop();
  }
}

async function filesFor({ transport }: Row): Promise<Files> {
  const { cert, key } = transport === "tls"
    ? await makeCertificate()
    : { cert: "", key: "" };
  return { cert, key, path: `${scratch}/${sockets++}.sock` };
}

function whereOf({ transport }: Row, files: Files, port: number): object {
  if (transport === "unix") return { unix: files.path };
  const where = { hostname: "127.0.0.1", port };
  return transport === "tls" ? { ...where, tls: { ca: files.cert } } : where;
}

/** What the programs open beside the connections. */
const SPARE = 1000;

async function checkDescriptors(connections: number): Promise<void> {
  if (Deno.build.os === "windows") return;
  const limit = await output("sh", "-c", "ulimit -n");
  if (Number(limit) < connections + SPARE) {
    throw new Error(`ulimit -n is ${limit}, ${connections + SPARE} needed`);
  }
}

/** Each measurement in full, for who watches. */
function note({ name, runtime }: Program, row: Row, result: Result): void {
  const { unit, of } = row.metric;
  const { messages, serverCpu, clientCpu, seconds, p50, p99, lost } = result;
  const busy = (cpu: number) => `${(cpu / seconds * 100).toFixed(0)} %`;
  console.error(
    `${row.name}, ${name} (${runtime}): ${of(result, row).toFixed(2)} ${unit}` +
      `, ${(serverCpu / messages * 1e6).toFixed(2)} µs CPU each` +
      `, p50 ${p50} µs, p99 ${p99} µs` +
      `, server ${busy(serverCpu)}, client ${busy(clientCpu)}` +
      (lost > 0 ? `, ${lost} datagrams lost` : ""),
  );
}
