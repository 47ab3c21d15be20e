// The command line as its users get it: from JSR, installed, as one executable.
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "../support/assert.ts";
import { cli, targetIn } from "../support/cli.ts";
import { options, signal } from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { bun, deno, output, start } from "../support/programs.ts";
import config from "../../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("../../", import.meta.url));
const { name, version } = config;

/** What is published: the files that `publish.include` names. */
function published(): string[] {
  return config.publish.include.flatMap((path) =>
    statSync(join(root, path)).isFile()
      ? [path]
      : readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
        .map((file) => join(path, file))
        .filter((file) => statSync(join(root, file)).isFile())
  );
}

/** Serves the package as JSR does; returns the address. */
async function serveJsr(): Promise<AsyncDisposable & { url: string }> {
  const files = Object.fromEntries(
    published().map((path) => [`/${path}`, readFileSync(join(root, path))]),
  );
  const manifest = Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [path, {
      size: bytes.length,
      checksum: `sha256-${createHash("sha256").update(bytes).digest("hex")}`,
    }]),
  );
  const documents: Record<string, unknown> = {
    [`/${name}/meta.json`]: {
      scope: "parley",
      name: "echo",
      latest: version,
      versions: { [version]: {} },
    },
    [`/${name}/${version}_meta.json`]: { manifest, exports: config.exports },
  };
  const prefix = `/${name}/${version}`;
  const server = createServer(({ url = "" }, response) => {
    const body = url in documents
      ? JSON.stringify(documents[url])
      : files[url.replace(prefix, "")];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address !== null && typeof address === "object");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A folder of its own. */
function place(of: string): string {
  const path = join(folder, of);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Starts an echo server with one command, and pings it with another. */
async function assertGoTogether(
  server: string[],
  client: string[],
): Promise<void> {
  await using echo = start([...server, "echo", "--port=0"]);
  const target = targetIn(await echo.line());
  const ping = [...client, "ping", ...target, "-c2", "-i0"];
  const said = await output(ping);
  assert(said.includes("2 sent, 2 received, 0% loss, 0 corrupt"), said);
  signal(echo, "SIGINT");
  const { status } = await echo.ended;
  assertEquals(status, 0);
}

describe("the command line comes", () => {
  it("from JSR, on Deno", options, async () => {
    await using jsr = await serveJsr();
    const home = place("jsr");
    const command = [
      ...["env", "-C", home, `JSR_URL=${jsr.url}`, `DENO_DIR=${home}`],
      ...[...deno.command, `jsr:${name}/cli`],
    ];
    const told = await output([...command, "--version"]);
    assert(told.startsWith(`${name} ${version} `), told);
    await assertGoTogether(command, command);
  });

  it("as an installed package, on Bun", options, async () => {
    const home = place("installed");
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
    const told = await output([...command, "--version"]);
    assert(told.startsWith(`${name} ${version} `), told);
    await assertGoTogether(command, command);
  });

  it("as one executable, of each runtime", { timeout: 300_000 }, async () => {
    const home = place("executables");
    const file = (of: string) => join(home, of);
    const compile = ["compile", "-A", "--no-check", "-o", file("deno"), cli];
    const build = ["build", "--compile", "--outfile", file("bun"), cli];
    const built: string[][] = [];
    try {
      if (await builds([deno.command[0], ...compile])) {
        built.push([file("deno")]);
      }
      if (await builds([bun.command[0], ...build])) built.push([file("bun")]);
      for (const server of built) {
        const told = await output([...server, "--version"]);
        assert(told.startsWith(`${name} ${version} `), told);
        for (const client of built) await assertGoTogether(server, client);
      }
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

/** Builds an executable; Deno needs a part of it from the network. */
async function builds(command: string[]): Promise<boolean> {
  await using program = start(command);
  const late = setTimeout(() => program.process.kill("SIGKILL"), 120_000);
  const { stderr, status } = await program.ended;
  clearTimeout(late);
  if (status === 0) return true;
  if (!stderr.includes("denort")) throw new Error(stderr);
  console.log("Skipped: deno compile, for it cannot download denort");
  return false;
}
