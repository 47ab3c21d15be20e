// A user's project: a folder of its own, a home without a cache, and no
// registry in reach; and the package in the forms in which users get it.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { folder } from "../../support/folder.ts";
import { bun, deno, start } from "../../support/programs.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
export const [denoCommand] = deno.command;

/** What `deno.json` says of the package. */
interface Manifest {
  name: string;
  version: string;
  exports: string | Record<string, string>;
}

const manifest: Manifest = JSON.parse(
  readFileSync(join(repository, "deno.json"), "utf8"),
);

/** The files behind each name that users import. */
const entries: Record<string, string> = typeof manifest.exports === "string"
  ? { ".": manifest.exports }
  : manifest.exports;
export const entryFiles: string[] = Object.values(entries);

/** A program that imports all that there is to import, and does nothing. */
const EVERYTHING = Object.keys(entries)
  .map((entry) => `import "${join(manifest.name, entry)}";\n`)
  .join("");

function newFolder(): string {
  return mkdtempSync(join(folder, "user-"));
}

/** A new project with the programs of this folder, and these files. */
export function project(files: Record<string, unknown>): string {
  const to = newFolder();
  for (const name of ["echo.ts", "types.ts"]) {
    cpSync(join(repository, "tests/package/consumer", name), join(to, name));
  }
  writeFileSync(join(to, "everything.ts"), EVERYTHING);
  for (const [name, content] of Object.entries(files)) write(to, name, content);
  return to;
}

export function write(to: string, name: string, content: unknown): void {
  writeFileSync(join(to, name), JSON.stringify(content, null, 2));
}

/** Runs a command in a folder; returns what it printed. */
export async function run(
  where: string,
  [program, ...args]: string[],
  ...variables: string[]
): Promise<string> {
  // Deno adds `-A` to a `deno run` that it starts, unless it does not see it.
  const inside = ["sh", "-c", 'cd "$0" && exec "$PROGRAM" "$@"', where];
  const environment = ["env", ...variables, `PROGRAM=${program}`];
  await using child = start([...environment, ...inside, ...args]);
  const { stdout, stderr, status } = await child.ended;
  if (status === 0) return stdout + stderr;
  throw new Error(
    `${program} ${args.join(" ")}: ${status}\n${stdout}${stderr}`,
  );
}

/** As `run`, on a new machine without a network. */
export function runAlone(
  where: string,
  ...command: string[]
): Promise<string> {
  const home = newFolder();
  return run(
    where,
    command,
    "-i",
    "NO_COLOR=1",
    `PATH=${process.env.PATH}`,
    `HOME=${home}`,
    `DENO_DIR=${join(home, "deno")}`,
    "JSR_URL=http://127.0.0.1:9/",
    "NPM_CONFIG_REGISTRY=http://127.0.0.1:9/",
  );
}

/** The compilers and declarations that a project may depend on. */
export const COMPILERS = {
  oldest: "npm:typescript@5.7.3",
  newest: "npm:typescript@7.0.2",
  "@types/node": "26.6.6",
  "@types/bun": "1.4.4",
};

/** Installs {@linkcode COMPILERS}; says so and returns `false` if it cannot. */
export async function installCompilers(where: string): Promise<boolean> {
  try {
    await run(where, ["timeout", "30", bun.command[0], "install"]);
    return true;
  } catch (error) {
    // The registry cannot be reached, or does not answer.
    if (!/ downloading package |: 124$/m.test(`${error}`)) throw error;
    console.log(`Skipped, for TypeScript cannot be installed: ${error}`);
    return false;
  }
}

let copy: Promise<string> | undefined;

/** A folder with what `deno publish` would send to JSR: that, and no more. */
export function published(): Promise<string> {
  return copy ??= publish();
}

async function publish(): Promise<string> {
  const command = [denoCommand, "publish", "--dry-run", "--allow-dirty"];
  const said = await runAlone(repository, ...command);
  const to = newFolder();
  for (const [, url] of said.matchAll(/^ +(file:\S+) \(\S+\)$/gm)) {
    const file = fileURLToPath(url);
    cpSync(file, join(to, relative(repository, file)));
  }
  return to;
}

export function filesIn(where: string): string[] {
  return readdirSync(where, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(where, join(entry.parentPath, entry.name)))
    .sort();
}

/**
 * Packs it as JSR does for npm: JavaScript beside its source, declarations
 * under `_dist`. `deno pack` makes both as JSR does, but beside each other.
 */
export async function packed(): Promise<string> {
  const from = await published();
  const to = newFolder();
  const archive = join(to, "package.tgz");
  const flags = ["--allow-dirty", "--no-source-maps", "--output", archive];
  await runAlone(from, denoCommand, "pack", ...flags);
  await run(to, ["tar", "-xzf", archive]);
  const inside = join(to, "package");
  const declared = filesIn(inside).filter((name) => name.endsWith(".d.ts"));
  for (const name of declared) {
    const target = join(inside, "_dist", name);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(inside, name), target);
  }
  cpSync(from, inside, { recursive: true });
  const exports = Object.entries(entries).map(([entry, file]) => {
    const types = file.replace(/ts$/, "d.ts");
    return [entry, {
      ...(declared.includes(join(types)) &&
        { types: `./${join("_dist", types)}` }),
      default: file.replace(/ts$/, "js"),
    }];
  });
  write(inside, "package.json", {
    name: `@jsr/${manifest.name.slice(1).replace("/", "__")}`,
    version: manifest.version,
    type: "module",
    dependencies: {},
    exports: Object.fromEntries(exports),
  });
  await run(to, ["tar", "-czf", archive, "package"]);
  return archive;
}
