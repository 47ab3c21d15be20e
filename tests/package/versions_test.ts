// The pages and workflows name the runtime versions of .tool-versions.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const NAMES: Record<string, string> = {
  deno: "Deno",
  bun: "Bun",
  nodejs: "Node.js",
};

/** As prose: "Deno 1.2.3, Bun 4.5.6 and Node.js 7.8.9". */
const runtimes = read(".tool-versions").trim().split("\n")
  .map((line) => line.split(" "))
  .map(([tool, version]) => `${NAMES[tool]} ${version}`);
const prose = new Intl.ListFormat("en-GB", { style: "long" }).format(runtimes);

describe("runtime versions", () => {
  for (const page of ["README.md", "CHANGELOG.md"]) {
    it(`${page} names those under test`, () => {
      const text = read(page).replace(/\s+/g, " ");
      assert(text.includes(prose), `${page} lacks: ${prose}`);
    });
  }

  it("the workflows read them from .tool-versions", () => {
    for (const name of readdirSync(new URL(".github/workflows/", root))) {
      const workflow = read(`.github/workflows/${name}`);
      const pinned = workflow.match(/\w+-version: v?\d.*/g);
      assert.equal(pinned, null, `${name} has a version of its own`);
    }
  });
});

it("each heading of CHANGELOG.md has a link", () => {
  const text = read("CHANGELOG.md");
  const versions = [...text.matchAll(/^## \[(.+?)\]/gm)].map(([, it]) => it);
  assert.equal(versions[0], "Unreleased");
  const [, latest] = versions;
  const repository = "https://github.com/parley/echo";
  for (const version of versions) {
    const path = version !== "Unreleased"
      ? `releases/tag/v${version}`
      : latest === undefined
      ? "commits/main"
      : `compare/v${latest}...HEAD`;
    const link = `\n[${version}]: ${repository}/${path}\n`;
    assert(text.includes(link), `CHANGELOG.md lacks: ${link}`);
  }
});
