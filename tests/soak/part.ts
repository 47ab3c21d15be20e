// Runs the parts of the soak on this runtime: `part.ts SCALE LIMIT [NAME…]`.
// One line per part, as JSON; status 1 if one failed.
import process from "node:process";
import { descriptors } from "../support/proc.ts";
import { here } from "../support/programs.ts";
import { until } from "../support/wait.ts";
import { partsOf } from "./parts.ts";

const [scale, limit, ...names] = process.argv.slice(2);

process.on("unhandledRejection", (reason) => {
  console.error("Unhandled:", reason);
  process.exitCode = 1;
});

for (const [name, part] of partsOf(Number(limit))) {
  if (names.length > 0 && !names.some((some) => name.includes(some))) continue;
  const since = performance.now();
  const before = descriptors("self");
  const line = { runtime: here.name, name, seconds: 0 };
  try {
    const report = await part(here, Number(scale));
    line.seconds = Math.round((performance.now() - since) / 100) / 10;
    // Some a runtime opens once and keeps; Deno closes TLS a moment later.
    await until(() => descriptors("self") - before <= 16);
    console.log(JSON.stringify({ ...line, ...report }));
  } catch (error) {
    console.log(JSON.stringify({ ...line, failed: String(error) }));
    console.error(error);
    process.exitCode = 1;
  }
}
