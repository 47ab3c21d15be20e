// The check of import directions: each rule, and the whole on a small package.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { brokenRule, findCycles } from "./imports.ts";

const ALLOWED = [
  ["mod.ts", "src/open.ts"],
  ["mod.ts", "src/servers/echo.ts"],
  ["src/cli.ts", "src/cli/main.ts"],
  ["src/cli/main.ts", "mod.ts"],
  ["src/cli/ping/plan.ts", "src/ip.ts"],
  ["src/cli/ping/plan.ts", "src/escape.ts"],
  ["src/cli/flags.ts", "src/servers/log.ts"],
  ["src/servers/serve.ts", "src/open.ts"],
  ["src/servers/serve.ts", "src/net/validate.ts"],
  ["src/open.ts", "src/adapters/bun/runtime.ts"],
  ["src/open.ts", "src/net/validate.ts"],
  ["src/adapters/bun/runtime.ts", "src/adapters/bun/tls.ts"],
  ["src/adapters/bun/runtime.ts", "src/net/validate.ts"],
  ["src/adapters/deno/tls.ts", "src/adapters/node/handle.ts"],
  ["src/adapters/bun/runtime.ts", "src/adapters/node/listener.ts"],
  ["src/net/proxy_protocol/header.ts", "src/ip.ts"],
  ["src/net/wait_queue.ts", "src/net/validate.ts"],
  ["src/net/socket_file.ts", "node:fs"],
  ["src/socket.ts", "src/address.ts"],
];

const BROKEN = [
  ["mod.ts", "src/net/validate.ts"],
  ["mod.ts", "src/adapters/bun/runtime.ts"],
  ["src/cli/main.ts", "src/open.ts"],
  ["src/cli/main.ts", "src/socket.ts"],
  ["src/cli/main.ts", "src/servers/serve.ts"],
  ["src/servers/serve.ts", "src/adapters/bun/runtime.ts"],
  ["src/servers/serve.ts", "mod.ts"],
  ["src/open.ts", "src/adapters/bun/tls.ts"],
  ["src/open.ts", "src/servers/serve.ts"],
  ["src/adapters/bun/tls.ts", "src/adapters/deno/handle.ts"],
  ["src/adapters/node/tls.ts", "src/adapters/deno/handle.ts"],
  ["src/adapters/bun/runtime.ts", "src/open.ts"],
  ["src/net/validate.ts", "src/open.ts"],
  ["src/net/validate.ts", "src/adapters/bun/runtime.ts"],
  ["src/ip.ts", "src/net/validate.ts"],
  ["src/elsewhere.ts", "src/socket.ts"],
  ["src/net/validate.ts", "jsr:@std/assert"],
];

describe("import directions", () => {
  it("allow what points down", () => {
    for (const [from, to] of ALLOWED) {
      assert.equal(brokenRule(from, to), undefined, `${from} → ${to}`);
    }
  });

  it("forbid the rest", () => {
    for (const [from, to] of BROKEN) {
      assert.ok(brokenRule(from, to), `${from} → ${to}`);
    }
  });

  it("find each cycle", () => {
    const imports = ["ab", "bc", "ca", "cd", "dd", "ad"]
      .map(([from, to]) => ({ from, line: 1, to }));
    assert.deepEqual(findCycles(imports), [["a", "b", "c", "a"], ["d", "d"]]);
  });

  const skip = "Deno" in globalThis ? false : "The check itself runs on Deno";
  it("report values, types and cycles of a package", { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), "parley-imports-"));
    const files = {
      "deno.json": `{}`,
      "mod.ts": `export * from "./src/open.ts";`,
      "src/cli.ts": `import "./cli/main.ts";`,
      "src/cli/main.ts": `import "../../mod.ts"; import "../open.ts";`,
      "src/open.ts": `import "./net/a.ts";`,
      "src/net/a.ts": `\nimport type { B } from "./b.ts"; export type A = B;`,
      "src/net/b.ts": `export type B = import("./a.ts").A | undefined;
        export const load = () => import("../adapters/bun/runtime.ts");`,
      "src/adapters/bun/runtime.ts": `export {};`,
    };
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    const { status, stderr } = spawnSync(
      process.execPath,
      ["run", "-A", fileURLToPath(new URL("imports.ts", import.meta.url))],
      { cwd: folder, encoding: "utf8" },
    );
    rmSync(folder, { recursive: true });
    const reports = stderr.split("\n").filter((line) => /import/.test(line));
    assert.deepEqual(
      reports.map((line) => line.split(": ").slice(0, -1).join(": ")).sort(),
      [
        "A cycle of imports",
        "src/cli/main.ts:1 imports src/open.ts",
        "src/net/b.ts:2 imports src/adapters/bun/runtime.ts",
      ],
      stderr,
    );
    assert.equal(status, 1);
  });
});
