// Checks the directions of imports: cli → servers → open → adapters → net → the
// public types. Prints each import that points elsewhere, and each cycle.
import { execFileSync } from "node:child_process";
import process from "node:process";
import { pathToFileURL } from "node:url";

/** One import, of values or of types, by paths in the repository. */
export interface Import {
  from: string;
  line: number;
  to: string;
}

const TYPES = /^src\/(socket|options|address|errors|escape|ip)\.ts$/;
const NET = /^src\/net\//;
const OPEN = /^src\/open\.ts$/;
const SERVERS = /^src\/servers\//;
const CLI = /^src\/cli(\.ts$|\/)/;
const ADAPTERS = /^src\/adapters\/(\w+)\//;
const RUNTIMES = /^src\/adapters\/\w+\/runtime\.ts$/;

interface Place {
  files: RegExp;
  /** What its files may import besides each other. */
  imports: RegExp[];
  rule: string;
}

const PLACES: Place[] = [
  {
    files: /^mod\.ts$/,
    imports: [OPEN, SERVERS, TYPES],
    rule: "mod.ts exports open.ts, the servers and the public types",
  },
  {
    files: CLI,
    imports: [
      ...[/^mod\.ts$/, /^src\/(ip|escape)\.ts$/, /^deno\.json$/],
      /^src\/servers\/log\.ts$/,
    ],
    rule: "the command line imports mod.ts, src/ip.ts, src/escape.ts, " +
      "src/servers/log.ts and its own folder",
  },
  {
    files: SERVERS,
    imports: [OPEN, NET, TYPES],
    rule: "servers import open.ts, net and the public types, no adapter",
  },
  {
    files: OPEN,
    imports: [RUNTIMES, NET, TYPES],
    rule: "open.ts imports the adapters' runtime.ts, net and the public types",
  },
  {
    // Deno's own TLS lacks most of the contract, and Bun's the choice of a
    // certificate: there their adapters run the code of adapters/node.
    files: /^src\/adapters\/(bun|deno)\//,
    imports: [/^src\/adapters\/node\//, NET, TYPES],
    rule: "bun and deno import the adapter of node, net and the public types",
  },
  {
    files: ADAPTERS,
    imports: [NET, TYPES],
    rule: "an adapter imports its own folder, net and the public types",
  },
  {
    files: NET,
    imports: [TYPES],
    rule: "net imports the public types, no adapter and not open.ts",
  },
  {
    files: TYPES,
    imports: [],
    rule: "the public types import each other, and nothing else",
  },
];

/** Returns the rule that an import breaks, if any. */
export function brokenRule(from: string, to: string): string | undefined {
  if (to.startsWith("node:")) return undefined;
  if (/^\w+:/.test(to)) return "the package has no dependencies";
  const place = PLACES.find(({ files }) => files.test(from));
  if (!place) return `${from} is in no place that tests/package/imports.ts has`;
  const { files, imports, rule } = place;
  const adapter = ADAPTERS.exec(from)?.[1];
  const inside = files.test(to) && ADAPTERS.exec(to)?.[1] === adapter;
  return inside || imports.some((allowed) => allowed.test(to))
    ? undefined
    : rule;
}

/** Finds cycles, each as the path from a file back to itself. */
export function findCycles(imports: Import[]): string[][] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]) => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    else if (!done.has(file)) {
      const further = [...path, file];
      for (const { to } of targets.get(file) ?? []) visit(to, further);
      done.add(file);
    }
  };
  for (const file of targets.keys()) visit(file, []);
  return cycles;
}

/** The parts of what `deno info --json` prints that are used here. */
interface Info {
  modules: {
    specifier: string;
    dependencies?: { code?: Resolved; type?: Resolved }[];
  }[];
}

interface Resolved {
  specifier?: string;
  span: { start: { line: number } };
}

/** Reads the imports of an entry point and all that it imports. */
function readImports(root: string, entryPoint: string): Import[] {
  const json = execFileSync(
    process.execPath,
    ["info", "--json", entryPoint],
    { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 },
  );
  const { modules }: Info = JSON.parse(json);
  const base = pathToFileURL(`${root}/`).href;
  const pathOf = (url: string) =>
    url.startsWith(base) ? url.slice(base.length) : url;
  return modules.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.flatMap(({ code, type }) =>
      [code, type].flatMap((resolved) =>
        resolved?.specifier === undefined ? [] : {
          from: pathOf(specifier),
          line: resolved.span.start.line + 1,
          to: pathOf(resolved.specifier),
        }
      )
    )
  );
}

if (import.meta.main) {
  const found = ["mod.ts", "src/cli.ts"].flatMap((entryPoint) =>
    readImports(process.cwd(), entryPoint)
  );
  // Both entry points reach most files.
  const imports = [
    ...new Map(found.map((it) => [`${it.from} ${it.to}`, it])).values(),
  ];
  const complaints = imports.flatMap(({ from, line, to }) => {
    const rule = brokenRule(from, to);
    return rule === undefined ? [] : `${from}:${line} imports ${to}: ${rule}`;
  });
  for (const cycle of findCycles(imports)) {
    complaints.push(`A cycle of imports: ${cycle.join(" → ")}`);
  }
  for (const complaint of complaints) console.error(complaint);
  if (complaints.length > 0) process.exitCode = 1;
  else console.log(`Checked the directions of ${imports.length} imports`);
}
