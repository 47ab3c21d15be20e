// The package as JSR serves it, from this folder.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "./assert.ts";
import config from "../../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("../../", import.meta.url));
const { name, version } = config;

/** Lists the published files: those in `publish.include`. */
export function published(): string[] {
  return config.publish.include.flatMap((path) =>
    statSync(join(root, path)).isFile()
      ? [path]
      : readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
        .map((file) => join(path, file))
        .filter((file) => statSync(join(root, file)).isFile())
  );
}

/** Serves the package as JSR does; returns the address. */
export async function serveJsr(): Promise<AsyncDisposable & { url: string }> {
  const files = Object.fromEntries(
    published().map((path) => [`/${path}`, readFileSync(join(root, path))]),
  );
  const manifest = Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [path, {
      size: bytes.length,
      checksum: `sha256-${createHash("sha256").update(bytes).digest("hex")}`,
    }]),
  );
  const documents: Record<string, unknown> = {
    [`/${name}/meta.json`]: {
      scope: "parley",
      name: "echo",
      latest: version,
      versions: { [version]: {} },
    },
    [`/${name}/${version}_meta.json`]: { manifest, exports: config.exports },
  };
  const prefix = `/${name}/${version}`;
  const server = createServer(({ url = "" }, response) => {
    const body = url in documents
      ? JSON.stringify(documents[url])
      : files[url.replace(prefix, "")];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(address !== null && typeof address === "object");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
