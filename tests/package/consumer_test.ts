// The package as its users get it, outside of the repository: from JSR on
// Deno, and as an npm package on Bun and Node.js.
import { spawnSync } from "node:child_process";
import { join, relative } from "node:path";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { bun, node, NODE_MAJOR } from "../support/programs.ts";
import {
  denoCommand,
  entryFiles,
  filesIn,
  packed,
  project,
  published,
  run,
  runAlone,
  write,
} from "./consumer/project.ts";

const options = { timeout: 60_000 };
const SAID = "Hello, \nworld\n";

function testOnDeno(): void {
  const onDeno = (where: string, command: string, ...args: string[]) =>
    runAlone(where, denoCommand, command, ...args);

  /** A project that imports the package from a folder, as JSR would have it. */
  async function linked(compilerOptions: object = {}): Promise<string> {
    const imports = { "@parley/echo": "jsr:@parley/echo@^0.1" };
    const links = [await published()];
    return project({ "deno.json": { imports, links, compilerOptions } });
  }

  it("what is published is what is imported", options, async () => {
    const where = await published();
    const files = new Set<string>();
    for (const entry of entryFiles) {
      const { modules }: { modules: { local?: string }[] } = JSON.parse(
        await onDeno(where, "info", "--json", entry),
      );
      for (const { local } of modules) {
        if (local !== undefined) files.add(relative(where, local));
      }
    }
    // Besides what is read; the command line imports its own version.
    for (const about of ["LICENSE", "README.md", "deno.json"]) files.add(about);
    assertEquals(filesIn(where), [...files].sort());
  });

  it("all that is exported is documented", options, async () => {
    await onDeno(await published(), "doc", "--lint", ...entryFiles);
  });

  it("it runs offline, with --allow-net alone", options, async () => {
    const flags = ["--no-prompt", "--cached-only", "--allow-net"];
    const said = await onDeno(await linked(), "run", ...flags, "echo.ts");
    assertEquals(said, SAID);
  });

  it("an import needs no permission, and does nothing", options, async () => {
    const flags = ["--no-prompt", "--cached-only"];
    const where = await linked();
    assertEquals(await onDeno(where, "run", ...flags, "everything.ts"), "");
  });

  // Its sources are checked as if they were the user's own.
  const syntax = {
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    noImplicitOverride: true,
    noUnusedLocals: true,
  };
  const libs = [undefined, ["esnext", "dom"], ["es2024", "webworker"]];
  for (const lib of libs) {
    it(`it compiles with ${lib ?? "Deno's own types"}`, options, async () => {
      await onDeno(await linked({ ...syntax, lib }), "check");
    });
  }
}

/** What a user may ask of the compiler. */
const STRICT = {
  target: "esnext",
  noEmit: true,
  declaration: true,
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noUncheckedSideEffectImports: true,
  isolatedDeclarations: true,
  verbatimModuleSyntax: true,
};

/** The version of the Node.js on the path, where it is too old. */
function olderNode(): string | undefined {
  const { stdout } = spawnSync("node", ["--version"], { encoding: "utf8" });
  const [, version] = /^v(\S+)/.exec(stdout ?? "") ?? [];
  return Number.parseInt(version) < NODE_MAJOR ? version : undefined;
}

function testFromNpm(): void {
  const [bunCommand] = bun.command;
  const [nodeCommand] = node.command;
  let archive: Promise<string> | undefined;

  /** A project that depends on the package, and on these. */
  async function dependent(devDependencies: object = {}): Promise<string> {
    const dependencies = {
      "@parley/echo": `file:${await (archive ??= packed())}`,
    };
    const about = { type: "module", dependencies, devDependencies };
    return project({ "package.json": about });
  }

  /** The same, installed. */
  async function installed(): Promise<string> {
    const where = await dependent();
    await runAlone(where, bunCommand, "install");
    return where;
  }

  it("installed, it runs", options, async () => {
    const where = await installed();
    assertEquals(await runAlone(where, bunCommand, "echo.ts"), SAID);
    assertEquals(await runAlone(where, bunCommand, "everything.ts"), "");
  });

  it("installed, it runs on Deno, too", options, async () => {
    const where = await installed();
    const flags = ["--no-prompt", "--cached-only", "--allow-net"];
    const command = [denoCommand, "run", ...flags, "echo.ts"];
    assertEquals(await runAlone(where, ...command), SAID);
  });

  it("installed, it runs on Node.js", options, async () => {
    const where = await installed();
    // `node` knows no TypeScript in an installed package, but in the project.
    for (const name of ["echo.ts", "everything.ts"]) {
      const expected = name === "echo.ts" ? SAID : "";
      assertEquals(await runAlone(where, nodeCommand, name), expected);
    }
    const cli = join("node_modules", "@parley", "echo", "src", "cli.js");
    const version = await runAlone(where, nodeCommand, cli, "--version");
    assert(version.includes(` Node.js/${NODE_MAJOR}`), version);
  });

  const older = olderNode();
  if (older === undefined) {
    console.log(`Skipped: no Node.js below ${NODE_MAJOR} is installed`);
  }
  it(
    "installed, it says on an older Node.js which version it needs",
    { ...options, skip: older === undefined && "No older Node.js" },
    async () => {
      const script = `
        const { bind, connect, listen, serveEcho } = await import("@parley/echo");
        const calls = [
          () => listen({ port: 0 }),
          () => listen({ transport: "unix", path: "x.sock" }),
          () => connect({ port: 1 }),
          () => bind({ port: 0 }),
          () => serveEcho({ port: 0 }),
        ];
        for (const call of calls) {
          await call().catch(({ code, message }) => console.log(code, message));
        }
      `;
      const where = await installed();
      const command = ["node", "--input-type=module", "--eval", script];
      const lines = (await runAlone(where, ...command)).trimEnd().split("\n");
      assertEquals(lines.length, 5);
      const need = `needs Node.js ${NODE_MAJOR} or later, this is ${older}`;
      for (const line of lines) {
        assert(line.startsWith("ENOTSUP ") && line.includes(need), line);
      }
    },
  );

  it(
    "installed, so does its command line",
    { ...options, skip: older === undefined && "No older Node.js" },
    async () => {
      const where = await installed();
      const cli = join("node_modules", "@parley", "echo", "src", "cli.js");
      const script = 'node "$@"; echo "status $?"';
      const need = `needs Node.js ${NODE_MAJOR} or later, this is ${older}`;
      for (const args of [["--version"], ["echo", "--port=0"], []]) {
        const command = ["sh", "-c", script, "sh", cli, ...args];
        const said = await runAlone(where, ...command);
        assertEquals(said, `status 1\nparley: ${need}\n`);
      }
      const imported = 'await import("@parley/echo/cli")';
      const command = ["node", "--input-type=module", "--eval", imported];
      assertEquals(await runAlone(where, ...command), "");
    },
  );

  it(
    "it compiles wherever a few types of the platform are known",
    options,
    async () => {
      const where = await dependent({
        oldest: "npm:typescript@5.7.3",
        newest: "npm:typescript@7.0.2",
        "@types/node": "26.6.6",
        "@types/bun": "1.4.4",
      });
      try {
        await run(where, ["timeout", "30", bunCommand, "install"]);
      } catch (error) {
        // The registry cannot be reached, or does not answer.
        if (!/ downloading package |: 124$/m.test(`${error}`)) throw error;
        console.log(`Skipped, for TypeScript cannot be installed: ${error}`);
        return;
      }
      const compile = async (
        compiler: "oldest" | "newest",
        module: "preserve" | "nodenext",
        lib: string[],
        types: string[],
        files = ["echo.ts", "types.ts", "everything.ts"],
        more: object = {},
      ) => {
        const name = `${[compiler, module, ...lib, ...types].join()}.json`;
        const compilerOptions = { ...STRICT, ...more, lib, types, module };
        write(where, name, { files, compilerOptions });
        const bin = join("node_modules", compiler, "bin", "tsc");
        await run(where, [bunCommand, bin, "--project", name]);
      };
      const least = ["es2022", "esnext.disposable", "dom"];
      await compile("oldest", "preserve", least, []);
      await compile("oldest", "preserve", ["es2022"], ["bun"]);
      await compile("oldest", "nodenext", ["es2022"], ["node"]);
      await compile("newest", "nodenext", least, []);
      await compile("newest", "preserve", ["esnext", "webworker"], []);
      await compile("newest", "nodenext", ["esnext"], ["node"]);
      await compile("newest", "preserve", ["esnext"], ["bun"]);
      // Its sources need the types of Node.js besides, and neither runtime's.
      const sources = entryFiles.map((file) =>
        join("node_modules", "@parley/echo", file)
      );
      await compile("newest", "nodenext", ["es2024"], ["node"], sources, {
        exactOptionalPropertyTypes: false,
        noUncheckedIndexedAccess: false,
        allowImportingTsExtensions: true,
        erasableSyntaxOnly: true,
      });
    },
  );
}

describe("the package from JSR", testOnDeno);
describe("the package from npm", testFromNpm);
