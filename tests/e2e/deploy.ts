// What the tests of examples/deploy share: the recipes as they are, read.
import { cpSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Connection } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { recvExactly, text } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { bun, deno, node, output } from "../support/programs.ts";

/** The folder of this repository. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

export function file(name: string): string {
  return join(root, "examples/deploy", name);
}

export function read(name: string): string {
  return readFileSync(file(name), "utf8");
}

/** The values of a directive of a systemd unit; commented ones start with #. */
export function directives(unit: string, name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))]
    .map(([, value]) => value);
}

/** One image of a Containerfile: its instructions, as they are run. */
export interface Stage {
  name: string;
  from: string;
  /** The files of each COPY, and where they go. */
  copies: string[][];
  entrypoint: string[];
  cmd: string[];
  healthcheck: string[];
  user: string;
  port: string;
}

export function stages(containerfile: string): Stage[] {
  const lines = containerfile.replace(/^#.*\n/gm, "").replaceAll("\\\n", " ");
  return lines.split(/^FROM /m).slice(1).map((stage) => {
    const [, from, name] = /^(\S+) AS (\S+)$/m.exec(stage) ?? [];
    const all = (instruction: string) =>
      [...stage.matchAll(new RegExp(`^${instruction} +(.*)$`, "gm"))]
        .map(([, value]) => value);
    const [healthcheck] = all("HEALTHCHECK");
    return {
      name,
      from,
      copies: all("COPY").map((copy) => copy.split(" ")),
      entrypoint: JSON.parse(all("ENTRYPOINT")[0]),
      cmd: JSON.parse(all("CMD")[0]),
      healthcheck: JSON.parse(healthcheck.slice(healthcheck.indexOf("["))),
      user: all("USER")[0],
      port: all("EXPOSE")[0],
    };
  });
}

/** The folder of an image: what it copies, and nothing else. */
export function imageOf({ copies }: Stage): string {
  const image = mkdtempSync(join(folder, "image-"));
  for (const files of copies) {
    const to = files[files.length - 1];
    for (const from of files.slice(0, -1)) {
      const target = join(image, to, to.endsWith("/") ? from : "");
      cpSync(join(root, from), target, { recursive: true });
    }
  }
  return image;
}

/** A command line of a recipe, in this folder, with a port and host of ours. */
export function here(
  cwd: string,
  command: string[],
  port: number | string,
): string[] {
  const [name, ...args] = command;
  const runtime = [bun, node].find((it) => name.endsWith(it.name)) ?? deno;
  const [program] = runtime.command;
  const ours = args.map((arg) =>
    arg.replace("0.0.0.0", "127.0.0.1").replace(/\b(65432|7)$/, `${port}`)
  );
  // A shell hides from Deno that a Deno runs: it would grant it everything.
  return ["sh", "-c", `cd "$0" && exec "$@"`, cwd, program, ...ours];
}

/** The objects of a YAML file, as Bun reads them. */
export async function yaml(path: string): Promise<unknown> {
  const script =
    "console.log(JSON.stringify(Bun.YAML.parse(await Bun.file(process.argv[1]).text())))";
  return JSON.parse(await output([...bun.command, "-e", script, path]));
}

/** Asserts that it is an echo server at the other end. */
export async function answers(conn: Connection): Promise<void> {
  await conn.send("alive");
  assertEquals(text(await recvExactly(conn, 5)), "alive");
}
