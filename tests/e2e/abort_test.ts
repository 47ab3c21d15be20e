// A program that has given up its connects has nothing more to wait for.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { folder } from "../support/folder.ts";
import { notLinux } from "../support/platform.ts";
import { runtimes, start } from "../support/programs.ts";
import { silentPeer } from "../support/silent_peer.ts";

const MOD = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);

const program = join(folder, "aborted.ts");
writeFileSync(
  program,
  `import process from "node:process";
import { connect } from ${MOD};
const port = Number(process.argv[2]);
for (const tls of [undefined, true]) {
  for (const hostname of ["127.0.0.1", "localhost"]) {
    const signal = AbortSignal.timeout(50);
    await connect({ hostname, port, tls, signal }).catch(() => {});
  }
}
console.log("aborted");
`,
);

for (const { name, command } of runtimes) {
  const options = { timeout: 30_000, skip: notLinux() };
  it(`aborted connects let the process end, ${name}`, options, async () => {
    await using silent = await silentPeer();
    await using child = start([...command, program, String(silent.port)]);
    assertEquals(await child.line(), "aborted");
    const since = performance.now();
    const { status, stderr } = await child.ended;
    assertEquals({ status, stderr }, { status: 0, stderr: "" });
    const time = performance.now() - since;
    assert(time < 1000, `Ended after ${Math.round(time)} ms`);
  });
}
