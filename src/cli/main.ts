import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { serveEcho, serveGreeting } from "../../mod.ts";
import { help } from "./help.ts";
import { ping } from "./ping.ts";
import { isMisuse } from "./program.ts";
import { serveUntilSignal } from "./serve_until_signal.ts";
import {
  greetingFlags,
  serverFlags,
  serverOptions,
  toWhen,
} from "./server_flags.ts";

const commands = { echo, greet, ping };

/** Runs the command that comes first among the arguments. */
export async function main(): Promise<void> {
  // The command's own flags are read by itself.
  const { values, positionals: [name] } = parseArgs({
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
    },
    allowPositionals: true,
    strict: false,
  });
  if (values.version) {
    console.log(`${config.name} ${config.version} ${navigator.userAgent}`);
  } else if (isCommand(name)) {
    if (values.help) console.log(help[name]);
    else await runCommand(name);
  } else if (values.help) {
    console.log(help.parley);
  } else {
    const problem = name === undefined
      ? "No command"
      : `Unknown command "${name}"`;
    throw new TypeError(
      `${problem}: expected echo, greet or ping (see parley --help)`,
    );
  }
}

function isCommand(name?: string): name is keyof typeof commands {
  return name !== undefined && Object.hasOwn(commands, name);
}

async function runCommand(name: keyof typeof commands): Promise<void> {
  try {
    await commands[name]();
  } catch (error) {
    if (!isMisuse(error)) throw error;
    throw new TypeError(`${plain(error)} (see parley ${name} --help)`, {
      cause: error,
    });
  }
}

/** What is wrong; of an unknown flag `parseArgs` says more than helps. */
function plain(error: Error): string {
  const unknown = "code" in error &&
    error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION";
  return unknown ? error.message.split(". ")[0] : error.message;
}

async function echo(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: serverFlags("65432"),
    allowPositionals: true,
  });
  refuseMore(positionals);
  const server = await serveEcho(serverOptions(values));
  await serveUntilSignal(server, values.cert !== undefined);
}

async function greet(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: greetingFlags,
    allowPositionals: true,
  });
  refuseMore(positionals);
  const server = await serveGreeting({
    ...serverOptions(values),
    message: values.message,
    when: toWhen(values.when),
  });
  await serveUntilSignal(server, values.cert !== undefined);
}

/** What follows the command are flags and nothing else. */
function refuseMore([, extra]: string[]): void {
  if (extra !== undefined) {
    throw new TypeError(`Unexpected argument "${extra}"`);
  }
}
