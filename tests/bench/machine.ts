import { cpus, release } from "node:os";
import process from "node:process";
import { node } from "../support/programs.ts";
import { output } from "./tools.ts";

/** Asks each program for its version, the first number of its first line. */
const VERSIONS = {
  Bun: "bun --version",
  Node: `${node.command[0]} --version`,
  Python: "python3 --version",
  Go: "go version",
  C: "cc -dumpfullversion",
};

/** Where and with what the numbers were measured. */
export async function machine(): Promise<string> {
  const versions = [`Deno ${Deno.version.deno}`];
  for (const [name, command] of Object.entries(VERSIONS)) {
    const version = await versionBy(command);
    if (version !== undefined) versions.push(`${name} ${version}`);
  }
  const processors = cpus();
  const date = new Date().toISOString().slice(0, 10);
  return `${processors[0]?.model.trim() ?? "unknown CPU"}, ` +
    `${processors.length} cores, ${process.platform} ${release()}; ` +
    `${versions.join(", ")}; ${date}`;
}

async function versionBy(command: string): Promise<string | undefined> {
  const [program, ...args] = command.split(" ");
  try {
    return /\d+\.[\d.]*\d/.exec(await output(program, ...args))?.[0];
  } catch {
    // Not installed: its rows say so.
  }
}
