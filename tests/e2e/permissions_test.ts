// What the examples and the echo server need of Deno's permissions: that, and nothing more.
import { once } from "node:events";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { certificates } from "../support/certificates.ts";
import {
  assertFails,
  assertPrints,
  clientOf,
  command,
  example,
  freePort,
  listenFlags,
  only,
  onTerminal,
  options as bounded,
  scriptOf,
  serve,
  signal,
  transportNames,
} from "../support/examples.ts";
import { noPosix } from "../support/platform.ts";
import { deno, output, start } from "../support/programs.ts";
import { pathOf, type TransportName } from "../support/transports.ts";

const options = { ...bounded, skip: noPosix() };

/** A kind of permission, and what it is for. */
type Need = [kind: "net" | "read" | "write", value: string];

/** The flags that grant these, one for each kind. */
function granting(needs: Need[]): string[] {
  return Object.entries(Object.groupBy(needs, ([kind]) => kind)).map(
    ([kind, needs]) =>
      `--allow-${kind}=${needs.map(([, value]) => value).join()}`,
  );
}

/** Where a server is asked to listen, and what that needs. */
async function place(transport: TransportName) {
  const port = await freePort();
  const path = pathOf();
  const unix: Need[] = [
    ["net", `unix:${path}`],
    ["read", path],
    ["write", path],
  ];
  const host = transport === "TCP/IPv6" ? "[::1]" : "127.0.0.1";
  const net: Need = ["net", `${host}:${port}`];
  // Where its answers go is one more place for each peer.
  const peers: Need = transport === "UDP" ? ["net", host] : net;
  const flags = transport === "Unix"
    ? ["--unix", path]
    : [...listenFlags(transport), "--port", String(port)];
  const files: Need[] = transport !== "TLS" || certificates === undefined
    ? []
    : [["read", certificates.certFile], ["read", certificates.keyFile]];
  return {
    flags,
    needs: transport === "Unix" ? unix : [peers, ...files],
    asks: transport === "Unix" ? unix : [net, ...files],
    client: clientOf(transport, port, path).client,
  };
}

/** What `client.ts` needs for the place that its flags name. */
function clientNeeds(
  transport: TransportName,
  port: number,
  path: string,
): Need[] {
  switch (transport) {
    case "Unix":
      return [["net", `unix:${path}`], ["read", path], ["write", path]];
    case "UDP":
      // Its own socket is one more place.
      return [["net", "0.0.0.0:0"], ["net", `127.0.0.1:${port}`]];
    case "TLS":
      assert(certificates !== undefined);
      return [["read", certificates.caFile], ["net", `127.0.0.1:${port}`]];
    case "TCP/IPv6":
      return [["net", `[::1]:${port}`]];
    default:
      return [["net", `127.0.0.1:${port}`]];
  }
}

/** Asserts that it fails without any one of these. */
async function assertAllNeeded(needs: Need[], args: string[]): Promise<void> {
  await Promise.all(needs.map(([kind], i) => {
    const rest = needs.toSpliced(i, 1);
    return assertFails(only(...granting(rest), ...args), `--allow-${kind}`);
  }));
}

describe("permissions on Deno", () => {
  const flags: [
    suffix: string,
    flags: string[],
    transports: TransportName[],
  ][] = [
    ["", [], transportNames],
    [" with --unstable-net", ["--unstable-net"], ["UDP"]],
  ];
  for (const [suffix, more, names] of flags) {
    for (const transport of names) {
      it(
        `parley echo needs its own place only, ${transport}${suffix}`,
        options,
        async () => {
          const { flags, needs, client } = await place(transport);
          const args = [...more, ...scriptOf("parley echo", ...flags)];
          // Flags of Deno come before the program's.
          await assertAllNeeded(needs, args);
          await using server = start(only(...granting(needs), ...args));
          const line = await server.line();
          assert(line.startsWith("listening on "), line);
          await assertPrints(
            command(deno, "client", ...client),
            "Hello, world\n",
          );
          signal(server, "SIGINT");
          assertEquals((await server.ended).status, 0);
        },
      );

      it(
        `client.ts needs the server's place only, ${transport}${suffix}`,
        options,
        async () => {
          await using server = await serve(deno, transport, "parley echo");
          const needs = clientNeeds(transport, server.port, server.path);
          const args = [...more, example("client"), ...server.client];
          await assertAllNeeded(needs, args);
          await assertPrints(
            only(...granting(needs), ...args),
            "Hello, world\n",
          );
        },
      );
    }
  }

  it("greeting.ts needs its own address only", options, async () => {
    const { flags, needs, client } = await place("TCP/IPv4");
    const run = only(...granting(needs), example("greeting"), ...flags);
    await using server = start(run);
    await server.line();
    await assertPrints(command(deno, "client", ...client), "Hello, client!\n");
  });

  it("proxy.ts needs its own address and the other", options, async () => {
    await using echo = await serve(deno, "TCP/IPv4", "echo");
    const { flags, needs, client } = await place("TCP/IPv4");
    const run = only(
      ...granting([...needs, ["net", `127.0.0.1:${echo.port}`]]),
      example("proxy"),
      ...flags,
      `--to-port=${echo.port}`,
    );
    await using server = start(run);
    await server.line();
    await assertPrints(command(deno, "client", ...client), "Hello, world\n");
  });

  it("client.ts needs a server's name where it has one", options, async () => {
    for (const kind of ["TCP/IPv4", "UDP"] as const) {
      await using server = await serve(deno, kind, "parley echo");
      const needs: Need[] = [["net", `localhost:${server.port}`]];
      if (kind === "UDP") needs.push(["net", "0.0.0.0:0"]);
      const args = [example("client"), "--hostname=localhost"];
      await assertPrints(
        only(...granting(needs), ...args, ...server.client),
        "Hello, world\n",
      );
    }
  });

  it("a UDP server that may not answer says so", options, async () => {
    const { flags, asks, client } = await place("UDP");
    const run = only(...granting(asks), ...scriptOf("parley echo", ...flags));
    await using server = start(run);
    await server.line();
    await using _asking = start(command(deno, "client", ...client));
    assert(server.process.stderr !== null);
    await once(server.process.stderr, "data");
    signal(server, "SIGINT");
    const { stderr } = await server.ended;
    assert(/^[^\n]+--allow-net[^\n]+\n$/.test(stderr), `It said: ${stderr}`);
  });

  it("without it, one line names --allow-net", options, async () => {
    const port = await freePort();
    for (const name of ["echo", "greeting", "client", "http_get"]) {
      const command = only(example(name), `--port=${port}`);
      await assertFails(command, "--allow-net");
    }
  });

  for (const transport of transportNames) {
    it(
      `without flags, Deno asks for those only, ${transport}`,
      options,
      async () => {
        const { flags, asks } = await place(transport);
        // Deno throws away what was typed before it asks: type until it answers.
        const terminal = `
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while b"listening on" not in seen:
    if select.select([fd], [], [], 0.1)[0]:
        seen += os.read(fd, 65536)
    elif b"[y/n" in seen:
        os.write(fd, b"y\\n")
os.kill(pid, 2)
print(seen.count(b"Deno requests"), *(f' access to "{need}"'.encode() in seen for need in args[1:]))
print(os.waitpid(pid, 0)[1])
`;
        const run = onTerminal(terminal, ...scriptOf("parley echo", ...flags));
        const values = asks.map(([, value]) => value);
        const asked = [asks.length, ...asks.map(() => "True")].join(" ");
        assertEquals(await output([...run, ...values]), `${asked}\n0\n`);
      },
    );
  }
});
