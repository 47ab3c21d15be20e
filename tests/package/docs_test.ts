// The documentation: every public name has a comment, every call and the types
// listed below have an example, and the examples run. The README's programs, too.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, SocketError } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { freePort, signal, signalled } from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import {
  deno,
  output,
  type Program,
  type Runtime,
  runtimes,
  start,
} from "../support/programs.ts";

const options = { timeout: 120_000 };
const root = new URL("../../", import.meta.url);
const exampleFolder = new URL("examples/", root);

/** What is used here of the configuration. */
interface Config {
  name: string;
  exports: string | Record<string, string>;
}

const { name: packageName, exports }: Config = JSON.parse(
  readFileSync(new URL("deno.json", root), "utf8"),
);
const entryPoints = Object.entries(
  typeof exports === "string" ? { ".": exports } : exports,
).map(([key, path]) => ({
  specifier: packageName + key.slice(1),
  url: new URL(path, root).href,
}));

/** The parts of what `deno doc --json` prints that are used here. */
interface Documentation {
  nodes: Record<string, { module_doc?: Comment; symbols?: Exported[] }>;
}

interface Comment {
  doc?: string;
  tags?: { kind: string; doc?: string }[];
}

interface Exported {
  name: string;
  declarations: {
    declarationKind: string;
    kind: string;
    jsDoc?: Comment;
    def?: Members & { tsType?: Type; hasBody?: boolean };
  }[];
}

interface Members {
  properties?: Member[];
  methods?: Member[];
  constructors?: Member[];
}

interface Member {
  name: string;
  jsDoc?: Comment;
}

type Type =
  | { kind: "typeLiteral"; value: Members }
  | { kind: "union" | "intersection"; value: Type[] }
  | { kind: "parenthesized"; value: Type }
  | { kind: "typeRef" };

function documentation(url: string): Promise<string> {
  return output([deno.command[0], "doc", "--json", url]);
}

/** The code in a comment that uses the package. */
function examples({ doc = "", tags = [] }: Comment = {}): string[] {
  const texts = [doc, ...tags.map(({ doc = "" }) => doc)];
  return texts.flatMap((text) => [...text.matchAll(/```ts\n([^]*?)```/g)])
    .map(([, code]) => code)
    .filter((code) => code.includes(` from "${packageName}`));
}

/** The members in an alias are as public as those of an interface. */
function literals(type: Type): Members[] {
  switch (type.kind) {
    case "typeLiteral":
      return [type.value];
    case "union":
    case "intersection":
      return type.value.flatMap(literals);
    case "parenthesized":
      return literals(type.value);
    default:
      return [];
  }
}

/** Types that need an example; functions and classes need one, too. */
const TYPES_WITH_EXAMPLE = new Set([
  "Connection",
  "DatagramSocket",
  "Handler",
  "Listener",
  "ProxyProtocolOptions",
  "TlsConnectOptions",
  "TlsListenOptions",
  "UnixConnectOptions",
  "UnixListenOptions",
]);

/** The groups of the reference. */
const CATEGORIES = ["Connect", "Serve", "UDP", "TLS", "Errors", "Options"];

/** A call of each category that has calls. */
const ESSENTIALS = { Connect: "connect", Serve: "serve", UDP: "bind" };

function categoriesOf({ tags = [] }: Comment = {}): string[] {
  return tags.flatMap(({ kind, doc = "" }) => kind === "category" ? [doc] : []);
}

/** What a symbol lacks, in words. */
function* lacks({ name, declarations }: Exported): Generator<string> {
  const exported = declarations.filter((
    { declarationKind, def },
    i,
    { length },
  ) =>
    declarationKind === "export" &&
    // The body of an overloaded function is not one of its signatures.
    !(def?.hasBody && i > 0 && i === length - 1)
  );
  const needsExample = TYPES_WITH_EXAMPLE.has(name) ||
    exported.some(({ kind }) => kind === "function" || kind === "class");
  if (
    needsExample &&
    exported.every(({ jsDoc }) => examples(jsDoc).length === 0)
  ) yield `${name} has no example`;
  for (const { jsDoc, def = {} } of exported) {
    if (!jsDoc?.doc) yield `${name} has no comment`;
    const categories = categoriesOf(jsDoc);
    if (categories.length !== 1 || !CATEGORIES.includes(categories[0])) {
      yield `${name} has the categories ${categories}, not one of ours`;
    }
    const owners = [def, ...(def.tsType ? literals(def.tsType) : [])];
    for (const { properties = [], methods = [], constructors = [] } of owners) {
      for (const member of [...properties, ...methods, ...constructors]) {
        if (!member.jsDoc?.doc) yield `${name}.${member.name} has no comment`;
      }
    }
  }
}

describe("documentation", () => {
  for (const { specifier, url } of entryPoints) {
    it(`of ${specifier} leaves nothing out`, options, async () => {
      const { nodes }: Documentation = JSON.parse(await documentation(url));
      const [{ module_doc, symbols = [] }] = Object.values(nodes);
      assert(module_doc?.doc !== undefined, "No module doc");
      // A program exports nothing, and is not imported.
      if (symbols.length > 0) {
        assert(examples(module_doc).length > 0, "No example of the module");
      }
      assertEquals(symbols.flatMap((symbol) => [...lacks(symbol)]), []);
    });
  }

  it(
    "fills every category, the first ones with the calls",
    options,
    async () => {
      const { nodes }: Documentation = JSON.parse(
        await documentation(entryPoints[0].url),
      );
      const names = new Map<string, string[]>(
        CATEGORIES.map((category) => [category, []]),
      );
      for (
        const { name, declarations } of Object.values(nodes)[0].symbols ?? []
      ) {
        for (const category of categoriesOf(declarations[0].jsDoc)) {
          names.get(category)?.push(name);
        }
      }
      for (const [category, inIt] of names) assert(inIt.length > 0, category);
      for (const [category, name] of Object.entries(ESSENTIALS)) {
        assert(names.get(category)?.includes(name), `${name} in ${category}`);
      }
    },
  );

  for (const { name, command } of runtimes) {
    it(`has examples that run and end on ${name}`, options, async () => {
      const files = join(folder, `documentation-${name}`);
      mkdirSync(files);
      const found = await allExamples();
      assert(found.length > 0);
      const left = found.entries();
      await Promise.all(Array.from({ length: 4 }, async () => {
        for (const [i, code] of left) {
          const path = join(files, `${i}.ts`);
          writeFileSync(path, code);
          await using program = start([...command, path]);
          const late = setTimeout(() => program.process.kill(), 20_000);
          const { status, stderr } = await program.ended;
          clearTimeout(late);
          assertEquals(status, 0, `${code}\n${stderr}`);
        }
      }));
    });
  }
});

/** Reads a page of the repository. */
function page(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** The lines of a page's shell blocks, without comments. */
function commandsOf(path: string): string[] {
  return [...page(path).matchAll(/^```sh\n([^]*?)^```/gm)]
    .flatMap(([, block]) => block.split("\n"))
    .map((line) => line.replace(/ +#.*/, ""));
}

/** Where a page's links to this repository begin. */
const REPOSITORY =
  /^https:\/\/(?:github\.com\/parley\/echo\/blob\/main|raw\.githubusercontent\.com\/parley\/echo\/main)\//;

for (const path of ["README.md", "examples/README.md"]) {
  describe(path, () => {
    it("runs commands on Node.js as on Bun", () => {
      const on = (runtime: string) =>
        commandsOf(path).filter((line) => line.startsWith(`${runtime} `))
          .map((line) => line.slice(runtime.length))
          .filter((line) => !line.startsWith(" build "));
      assert(on("bun").length > 0);
      assertEquals(on("node"), on("bun"));
    });
  });
}

describe("examples/README.md", () => {
  it("runs programs that exist", () => {
    const programs = commandsOf("examples/README.md").flatMap((line) =>
      line.match(/(?<= )[\w/]+\.ts/g) ?? []
    );
    assert(programs.length > 0);
    for (const program of programs) {
      const base = program.includes("/") ? root : exampleFolder;
      assert(existsSync(new URL(program, base)), program);
    }
  });

  it("lists every example", () => {
    const listed = [...page("examples/README.md").matchAll(/^\| `(\w+\.ts)`/gm)]
      .map(([, name]) => name);
    const files = readdirSync(exampleFolder)
      .filter((name) => name.endsWith(".ts"));
    assertEquals(listed.sort(), files.sort());
  });
});

describe("README.md", () => {
  const readme = page("README.md");

  it("is short, with a server that stays up by line 40", () => {
    const lines = readme.split("\n");
    assert(lines.length <= 180, `${lines.length} lines`);
    const serves = lines.findIndex((line) => line.includes("server.finished"));
    assert(serves !== -1 && serves < 40, `line ${serves + 1}`);
  });

  it("links absolutely, to files that exist", () => {
    const links = [...readme.matchAll(/\]\(([^)]*)\)/g)].map(([, to]) => to);
    assert(links.length > 0);
    for (const link of links) {
      assert(link.startsWith("https://"), link);
      const path = link.replace(REPOSITORY, "");
      if (path !== link) assert(existsSync(new URL(path, root)), link);
    }
  });

  const programs = examples({ doc: readme });
  const servers = programs.filter((code) => code.includes("serve("));
  const clients = programs.filter((code) => !servers.includes(code));

  for (const runtime of runtimes) {
    it(`has programs that run on ${runtime.name}`, signalled, async () => {
      assert(servers.length > 0 && clients.length > 0);
      for (const server of servers) await runServer(runtime, server, clients);
    });
  }
});

/** Runs a server of the README with its clients, then ends it by a signal. */
async function runServer(
  { name, command }: Runtime,
  server: string,
  clients: string[],
): Promise<void> {
  const port = await freePort();
  const files = mkdtempSync(join(folder, `readme-${name}-`));
  const program = (file: string, code: string) => {
    const path = join(files, file);
    // The one thing that is not as written: another program may use 7000.
    writeFileSync(path, local(code.replaceAll("7000", String(port))));
    return [...command, path];
  };
  await using running = start(program("server.ts", server));
  await listensAt(port, running);
  for (const code of clients) {
    await using client = start(program("client.ts", code));
    const { stdout, stderr, status } = await client.ended;
    assertEquals(status, 0, stderr);
    assert(/hello, world\n/i.test(stdout), stdout);
  }
  assertEquals(running.process.exitCode, null);
  signal(running, "SIGINT");
  const { stderr } = await running.ended;
  assertEquals(stderr, "");
}

/** Waits until a program serves there; fails if it ends instead. */
async function listensAt(port: number, server: Program): Promise<void> {
  let hasEnded = false;
  server.ended.then(() => hasEnded = true);
  for (;;) {
    try {
      return await (await connect({ port })).close();
    } catch (error) {
      // It does not listen yet.
      if (!(error instanceof SocketError)) throw error;
      assertEquals(error.code, "ECONNREFUSED");
    }
    assert(!hasEnded, "The server has ended");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Every example once, with this package in the place of a published one. */
async function allExamples(): Promise<string[]> {
  const found = new Set<string>();
  for (const { url } of entryPoints) {
    JSON.parse(await documentation(url), (key, value) => {
      if (key !== "doc") return value;
      for (const code of examples({ doc: value })) found.add(code);
    });
  }
  return [...found].map(local);
}

/** Imports this package in the place of a published one. */
function local(code: string): string {
  return entryPoints.reduce(
    (code, { specifier, url }) =>
      code.replaceAll(`"${specifier}"`, JSON.stringify(url)),
    code,
  );
}
