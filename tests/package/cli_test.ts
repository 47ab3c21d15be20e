// The command line from JSR, as an installed package, and as one executable.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "../support/assert.ts";
import { cli } from "../support/cli.ts";
import { targetIn } from "../support/ping.ts";
import { options, signal } from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { published, serveJsr } from "../support/jsr.ts";
import { bun, deno, output, start } from "../support/programs.ts";
import config from "../../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("../../", import.meta.url));
const { name, version } = config;

/** Creates a folder for one test. */
function createFolder(of: string): string {
  const path = join(folder, of);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Starts an echo server with one command, and pings it with another. */
async function assertPings(
  server: string[],
  client: string[],
): Promise<void> {
  await using echo = start([...server, "echo", "--port=0"]);
  const target = targetIn(await echo.line());
  const ping = [...client, "ping", ...target, "-c2", "-i0"];
  const printed = await output(ping);
  assert(
    printed.includes("2 sent, 2 received, 0% loss, 0 corrupt"),
    printed,
  );
  signal(echo, "SIGINT");
  const { status } = await echo.ended;
  assertEquals(status, 0);
}

describe("the command line comes", () => {
  it("from JSR, on Deno", options, async () => {
    await using jsr = await serveJsr();
    const home = createFolder("jsr");
    const command = [
      ...["env", "-C", home, `JSR_URL=${jsr.url}`, `DENO_DIR=${home}`],
      ...[...deno.command, `jsr:${name}/cli`],
    ];
    const printed = await output([...command, "--version"]);
    assert(printed.startsWith(`${name} ${version} `), printed);
    await assertPings(command, command);
  });

  it("as an installed package, on Bun", options, async () => {
    const home = createFolder("installed");
    const target = join(home, "node_modules", name);
    for (const path of published()) {
      cpSync(join(root, path), join(target, path));
    }
    writeFileSync(
      join(target, "package.json"),
      JSON.stringify({
        name,
        version,
        type: "module",
        exports: config.exports,
      }),
    );
    const command = [...bun.command, join(target, "src", "cli.ts")];
    const printed = await output([...command, "--version"]);
    assert(printed.startsWith(`${name} ${version} `), printed);
    await assertPings(command, command);
  });

  it("as one executable, of each runtime", { timeout: 300_000 }, async () => {
    const home = createFolder("executables");
    const file = (of: string) => join(home, of);
    const compile = ["compile", "-A", "--no-check", "-o", file("deno"), cli];
    const build = ["build", "--compile", "--outfile", file("bun"), cli];
    const built: string[][] = [];
    try {
      if (await tryBuild([deno.command[0], ...compile])) {
        built.push([file("deno")]);
      }
      if (await tryBuild([bun.command[0], ...build])) built.push([file("bun")]);
      for (const server of built) {
        const printed = await output([...server, "--version"]);
        assert(printed.startsWith(`${name} ${version} `), printed);
        for (const client of built) await assertPings(server, client);
      }
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

/** Builds an executable; `false` if Deno cannot download its part of it. */
async function tryBuild(command: string[]): Promise<boolean> {
  await using program = start(command);
  const late = setTimeout(() => program.process.kill("SIGKILL"), 120_000);
  const { stderr, status } = await program.ended;
  clearTimeout(late);
  if (status === 0) return true;
  if (!stderr.includes("denort")) throw new Error(stderr);
  console.log("Skipped: deno compile, which cannot download denort");
  return false;
}
