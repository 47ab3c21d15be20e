// Which certificates `connect` trusts, by the environment of its process.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { listen, type TlsConnectOptions } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import type { Identity } from "../support/certificates.ts";
import { folder } from "../support/folder.ts";
import { output, runtimes } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";

/** Runs a client of its own on each runtime, with this in the environment. */
async function eachRuntimePrints(
  environment: string[],
  tls: true | TlsConnectOptions,
  identity: Identity,
  expected: string,
): Promise<void> {
  await using listener = await listen({ port: 0, tls: identity });
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const file = join(folder, "client_of_its_own.ts");
  writeFileSync(
    file,
    `import { connect } from ${JSON.stringify(mod)};
const { port } = ${JSON.stringify(listener.addr)};
try {
  await using conn = await connect({ port, tls: ${JSON.stringify(tls)} });
  await conn.send("secret");
  console.log("connected");
} catch (error) {
  console.log(error.code);
}`,
  );
  for (const { command } of runtimes) {
    const printed = await output(["env", ...environment, ...command, file]);
    assertEquals(printed.trim(), expected, command[0]);
  }
}

testTls("no variable turns verification off", async ({ server, otherCa }) => {
  const off = ["NODE_TLS_REJECT_UNAUTHORIZED=0"];
  await eachRuntimePrints(off, true, server, "EPROTO");
  await eachRuntimePrints(off, { caCerts: [otherCa] }, server, "EPROTO");
});

testTls("a wrong name stays wrong with that variable", async (made) => {
  const tls = { caCerts: [made.ca] };
  const off = ["NODE_TLS_REJECT_UNAUTHORIZED=0"];
  await eachRuntimePrints(off, tls, made.stranger, "EPROTO");
});

testTls("the runtime's own roots are trusted", async (made) => {
  const roots = [`NODE_EXTRA_CA_CERTS=${made.caFile}`];
  await eachRuntimePrints(roots, true, made.server, "connected");
});

testTls("caCerts add to the runtime's own roots", async (made) => {
  const roots = [`NODE_EXTRA_CA_CERTS=${made.caFile}`];
  const tls = { caCerts: [made.otherCa] };
  await eachRuntimePrints(roots, tls, made.server, "connected");
});
