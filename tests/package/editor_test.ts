// What an editor shows a user of the package: what it completes, and the errors
// of usual mistakes, which are one line.
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "../support/assert.ts";
import { bun } from "../support/programs.ts";
import {
  COMPILERS,
  installCompilers,
  packed,
  project,
  run,
} from "./consumer/project.ts";

const EDITOR = fileURLToPath(new URL("consumer/editor.ts", import.meta.url));
const IMPORT = `import {
  bind, connect, echo, listen, serve, serveDatagrams, serveEcho, serveGreeting,
} from "@parley/echo";
`;

const LISTEN = ["backlog", "proxyProtocol"];
const TCP = [...LISTEN, "hostname", "port", "keepAlive", "reusePort", "tls"];
const UNIX = [...LISTEN, "path", "mode", "removeStale"];
const UDP = ["hostname", "port"].concat(
  ["reuseAddress", "multicastTtl", "multicastLoopback"],
);
const CONNECT = ["signal", "timeout"];
const TCP_CONNECT = [...CONNECT, "hostname", "port", "keepAlive", "tls"].concat(
  ["localAddress", "localPort", "proxyHeader"],
);
const SERVER = ["filter", "idleTimeout", "maxConnections", "signal"].concat(
  ["maxConnectionsPerHost", "onConnect", "onDisconnect", "onError", "onListen"],
  ["onReject"],
);
const DATAGRAMS = ["loopGuard", "onError", "onListen", "signal"];

/** What is offered at the `|`: this, and nothing else. */
const COMPLETIONS: [code: string, names: string[]][] = [
  [`listen({ transport: "|" })`, ["tcp", "unix"]],
  [`connect({ transport: "|" })`, ["tcp", "unix"]],
  [`serve({ transport: "|" }, echo)`, ["tcp", "unix"]],
  [`serveEcho({ transport: "|" })`, ["tcp", "unix", "udp"]],
  [`serveGreeting({ message: "", transport: "|" })`, ["tcp", "unix", "udp"]],
  [`bind({ transport: "|" })`, ["udp"]],
  [`serveGreeting({ message: "", port: 0, when: "|" })`, [
    "connect",
    "message",
  ]],

  [`listen({ | })`, [...TCP, "transport"]],
  [`listen({ transport: "tcp", | })`, TCP],
  [`listen({ transport: "unix", | })`, UNIX],
  [`listen({ port: 0, tls: { | } })`, [
    ...["cert", "key", "alpnProtocols", "caCerts", "clientAuth", "sni"],
  ]],
  [`connect({ | })`, [...TCP_CONNECT, "transport"]],
  [`connect({ transport: "unix", | })`, [...CONNECT, "path"]],
  [`connect({ port: 1, tls: { | } })`, [
    ...["cert", "key", "alpnProtocols", "caCerts", "serverName"],
  ]],
  [`serve({ | }, echo)`, [...TCP, ...SERVER, "transport"]],
  [`serve({ transport: "unix", | }, echo)`, [...UNIX, ...SERVER]],
  [`serveEcho({ | })`, [...TCP, ...SERVER, "transport"]],
  [`serveEcho({ transport: "unix", | })`, [...UNIX, ...SERVER]],
  [`serveEcho({ transport: "udp", | })`, [...UDP, ...DATAGRAMS]],
  [`bind({ | })`, [...UDP, "transport"]],
  [`serveDatagrams({ | }, (data) => data)`, [
    ...[...UDP, ...DATAGRAMS, "transport"],
  ]],
];

const CONN = "const conn = await connect({ port: 1 }); ";

/** A mistake, and the words that its one error must have. */
const MISTAKES: [code: string, says: string][] = [
  ...[
    "listen({ HERE })",
    "connect({ HERE })",
    "serve({ HERE }, echo)",
    "serveEcho({ HERE })",
    `serveGreeting({ message: "", HERE })`,
    "serveDatagrams({ HERE }, (data) => data)",
    "bind({ HERE })",
  ].flatMap((call): [string, string][] => [
    [call.replace("HERE", `host: "localhost", port: 1`), "'host'"],
    [call.replace("HERE", `path: "/run/x.sock"`), "'path'"],
    [call.replace("HERE", `port: "80"`), "'string' is not assignable"],
    [call.replace("HERE", `port: 1, transport: "tls"`), "tls"],
  ]),
  ...[
    "listen({ port: 1, tls: HERE })",
    "connect({ port: 1, tls: HERE })",
    "serve({ port: 1, tls: HERE }, echo)",
    "serveEcho({ port: 1, tls: HERE })",
  ].map((call): [string, string] => [
    call.replace("HERE", `{ ca: "PEM" }`),
    "'ca'",
  ]),
  ["connect({ port: 1, ssl: true })", "'ssl'"],
  ["listen({ port: 1, tls: true })", "TlsListenOptions"],
  [`listen({ transport: "unix", path: "x", port: 1 })`, "'port'"],
  [`connect({ transport: "unix", path: "x", tls: true })`, "'tls'"],
  ["serve({ port: 1 })", "Expected 2 arguments"],
  ["serve({ port: 1, idleTimout: 1 }, echo)", "write 'idleTimeout'"],
  ["connect(80, 'localhost')", "Expected 1 argument"],
  [`${CONN} await conn.write("x")`, "'write'"],
  [`${CONN} await conn.read()`, "'read'"],
  [`${CONN} await conn.send(1)`, "'SendData'"],
  [`${CONN} (await conn.recv()).length`, "possibly 'null'"],
  [`${CONN} conn.recv().length`, "'length' does not exist on type 'Promise"],
  [`connect({ port: 1 }).send("x")`, "'send' does not exist on type 'Promise"],
  [`listen({ port: 1 }).accept()`, "'accept' does not exist on type 'Promise"],
  [`serve({ port: 1 }, echo).addr`, "'addr' does not exist on type 'Promise"],
];

describe("an editor", () => {
  it("completes options, explains mistakes", {
    timeout: 300_000,
  }, async () => {
    const dependencies = { "@parley/echo": `file:${await packed()}` };
    const about = { type: "module", dependencies, devDependencies: COMPILERS };
    const where = project({ "package.json": about });
    if (!await installCompilers(where)) return;
    const codes = [...COMPLETIONS, ...MISTAKES].map(([code]) => code);
    const texts = JSON.stringify(codes.map((code) => `${IMPORT}${code};\n`));
    for (const types of ["@types/node", "@types/bun"]) {
      const named = JSON.stringify([types.slice("@types/".length)]);
      const ask = [bun.command[0], EDITOR, named, texts];
      const answers: string[][] = JSON.parse(await run(where, ask));
      COMPLETIONS.forEach(([code, expected], i) => {
        const title = `${types}: ${code}`;
        assertEquals(answers[i].sort(), expected.toSorted(), title);
      });
      MISTAKES.forEach(([code, says], i) => {
        const errors = answers[COMPLETIONS.length + i];
        const shown = `${types}: ${code}: ${errors.join("\n")}`;
        assertEquals(errors.length, 1, shown);
        const [error] = errors;
        assert(error.includes(says) && !error.includes("\n"), shown);
        assert(error.length <= 200, `${error.length} characters, ${shown}`);
      });
    }
  });
});
