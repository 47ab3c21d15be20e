// What an editor shows a user: asks TypeScript's language service, which the
// project in this folder has installed. Takes the types of the platform and the
// texts, in JSON; a `|` is where to complete. Prints a list for each, in JSON.
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

/** The part of TypeScript that is used here. */
interface TypeScript {
  createLanguageService(host: object): LanguageService;
  getDefaultLibFilePath(options: object): string;
  flattenDiagnosticMessageText(text: unknown, newLine: string): string;
  ScriptSnapshot: { fromString(text: string): unknown };
  sys: Record<
    | "fileExists"
    | "readFile"
    | "readDirectory"
    | "directoryExists"
    | "getDirectories",
    (path: string) => unknown
  >;
}

interface LanguageService {
  getCompletionsAtPosition(
    file: string,
    position: number,
    options: object,
  ): { entries: { name: string }[] } | undefined;
  getSyntacticDiagnostics(file: string): { messageText: unknown }[];
  getSemanticDiagnostics(file: string): { messageText: unknown }[];
  getSuggestionDiagnostics(
    file: string,
  ): { messageText: unknown; reportsUnnecessary?: unknown }[];
}

const folder = process.cwd();
const load = createRequire(join(folder, "package.json"));
const ts: TypeScript = load("oldest");
const [types, texts] = process.argv.slice(2).map((json) => JSON.parse(json));

const FILE = join(folder, "user.ts");
const OPTIONS = {
  target: 99, // ESNext
  module: 200, // Preserve
  moduleResolution: 100, // Bundler
  lib: ["lib.esnext.d.ts"],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types,
};

let current = "";
let version = 0;
const { sys } = ts;
const service = ts.createLanguageService({
  readFile: sys.readFile,
  readDirectory: sys.readDirectory,
  directoryExists: sys.directoryExists,
  getDirectories: sys.getDirectories,
  getCompilationSettings: () => OPTIONS,
  getCurrentDirectory: () => folder,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  getScriptFileNames: () => [FILE],
  getScriptVersion: (file: string) => file === FILE ? `${version}` : "1",
  getScriptSnapshot: (file: string) => {
    const text = file === FILE ? current : sys.readFile(file);
    return typeof text === "string"
      ? ts.ScriptSnapshot.fromString(text)
      : undefined;
  },
  fileExists: (file: string) => file === FILE || sys.fileExists(file),
});

/** Returns the names that an editor offers, or the errors that it shows. */
function ask(text: string): string[] {
  const position = text.indexOf("|");
  current = text.replace("|", "");
  version++;
  if (position >= 0) {
    const found = service.getCompletionsAtPosition(FILE, position, {});
    return found?.entries.map(({ name }) => name) ?? [];
  }
  return [
    ...service.getSyntacticDiagnostics(FILE),
    ...service.getSemanticDiagnostics(FILE),
    ...service.getSuggestionDiagnostics(FILE)
      .filter(({ reportsUnnecessary }) => !reportsUnnecessary),
  ].map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, "\n")
  );
}

console.log(JSON.stringify(texts.map(ask)));
