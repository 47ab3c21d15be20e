// A temporary folder for the files of one test file.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export const folder = mkdtempSync(join(tmpdir(), "parley-"));

const clean = () => rmSync(folder, { recursive: true, force: true });
process.on("exit", clean);
// `deno test` ends without an `exit`, Bun without an `unload`.
globalThis.addEventListener?.("unload", clean);
