import process from "node:process";
import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import {
  type DatagramServer,
  serveEcho,
  serveGreeting,
  type Server,
} from "../../mod.ts";
import { connectAll, connectFlags } from "./connect.ts";
import {
  greetingFlags,
  type ServerFlags,
  serverFlags,
  serverOptions,
  toWhen,
} from "./flags.ts";
import { help } from "./help.ts";
import { serveMetrics } from "./metrics.ts";
import { pingFlags, toPingOptions } from "./ping/options.ts";
import { jsonReport, textReport } from "./ping/report.ts";
import { runPing } from "./ping/run.ts";
import { isUsageError } from "./program.ts";
import { onShutdownSignals, serveUntilSignal } from "./shutdown_signals.ts";

const commands = { echo, greet, ping, connect };

/** Runs the command that is the first argument. */
export async function main(): Promise<void> {
  // Not strict: each command parses its own flags.
  const { values, positionals } = parseArgs({
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "V" },
    },
    allowPositionals: true,
    strict: false,
  });
  const [name] = positionals;
  if (values.version) {
    console.log(`${config.name} ${config.version} ${navigator.userAgent}`);
  } else if (isCommand(name)) {
    if (values.help) console.log(help[name]);
    else await runCommand(name);
  } else if (name === "help") {
    console.log(topic(positionals[1]));
  } else if (values.help) {
    console.log(help.parley);
  } else {
    const problem = name === undefined
      ? "No command"
      : `Unknown command "${name}"`;
    throw new TypeError(
      `${problem}: expected echo, greet, ping or connect (see parley --help)`,
    );
  }
}

/** Returns the section of the help with this name. */
function topic(name = "parley"): string {
  if (isTopic(name)) return help[name];
  const topics = Object.keys(help).join(", ");
  throw new TypeError(`No help on "${name}": expected ${topics}`);
}

function isTopic(name: string): name is keyof typeof help {
  return Object.hasOwn(help, name);
}

function isCommand(name?: string): name is keyof typeof commands {
  return name !== undefined && Object.hasOwn(commands, name);
}

async function runCommand(name: keyof typeof commands): Promise<void> {
  try {
    await commands[name]();
  } catch (error) {
    if (!isUsageError(error)) throw error;
    throw new TypeError(`${shorten(error)} (see parley ${name} --help)`, {
      cause: error,
    });
  }
}

/** Returns the message, without the advice of `parseArgs` on unknown flags. */
function shorten(error: Error): string {
  const unknown = "code" in error &&
    error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION";
  return unknown ? error.message.split(". ")[0] : error.message;
}

async function echo(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: serverFlags("65432"),
    allowPositionals: true,
  });
  rejectArguments(positionals);
  const options = serverOptions(values);
  await runServer(values, () => serveEcho(options));
}

async function greet(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: greetingFlags,
    allowPositionals: true,
  });
  rejectArguments(positionals);
  const { message, when } = values;
  const options = { ...serverOptions(values), message, when: toWhen(when) };
  await runServer(values, () => serveGreeting(options));
}

/** Runs a server until a signal, with its metrics if they are asked for. */
async function runServer(
  flags: ServerFlags,
  serve: () => Promise<Server | DatagramServer>,
): Promise<void> {
  let server: Server | DatagramServer | undefined;
  const metrics = await serveMetrics(flags.metrics, () => server?.stats());
  try {
    server = await serve();
    await serveUntilSignal(server, flags, metrics?.url);
  } finally {
    metrics?.close();
  }
}

async function ping(): Promise<void> {
  const { values, positionals: [, ...targets] } = parseArgs({
    options: pingFlags,
    allowPositionals: true,
  });
  const options = toPingOptions(values, targets);
  const report = values.json ? jsonReport(options) : textReport(options);
  using signals = onShutdownSignals(options.deadline);
  const result = await runPing(options, report.onEvent, signals);
  report.finish(result);
  if (result.error !== undefined) throw result.error;
  if (!result.ok) process.exitCode = 1;
}

async function connect(): Promise<void> {
  const { values, positionals: [, ...targets] } = parseArgs({
    options: connectFlags,
    allowPositionals: true,
  });
  if (!await connectAll(values, targets)) process.exitCode = 1;
}

function rejectArguments([, extra]: string[]): void {
  if (extra !== undefined) {
    throw new TypeError(`Unexpected argument "${extra}"`);
  }
}
