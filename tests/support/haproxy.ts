// HAProxy, with a configuration of one proxy.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { folder } from "./folder.ts";
import { type Program, start } from "./programs.ts";

const installed = spawnSync("haproxy", ["-v"]).status === 0;
if (!installed) console.log("No haproxy, so the tests with it are skipped");
export const withHaproxy = {
  timeout: 60_000,
  skip: installed ? false : "No haproxy",
};

/** The lines that are in front of every configuration. */
const DEFAULTS = `
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout check 5s
`;
let configurations = 0;

/** HAProxy that takes clients at `bind`, for a server line of `server`. */
export function haproxy(
  bind: string,
  server: string,
  more = "",
  global = "",
): Program {
  const file = join(folder, `haproxy${++configurations}.cfg`);
  const listen = `\nlisten front\n  bind ${bind}\n  server app ${server}\n`;
  writeFileSync(file, `global\n${global}${DEFAULTS}${listen}${more}`);
  return start(["haproxy", "-db", "-f", file]);
}
