// The servers of the command line on every transport, as processes of each
// runtime: where they say they are, how they end, and what they cannot do.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { bind, connect, type ConnectOptions } from "../../mod.ts";
import { assert, assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll, text } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import {
  assertFails,
  assertPrints,
  command as commandOf,
  freePort,
  identity,
  listening,
  options,
  serve,
  signal,
  signalled,
  transportNames,
  unixOnly,
  WRONG_ARGUMENTS,
} from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { largestDatagram } from "../support/platform.ts";
import {
  bun,
  deno,
  node,
  type Runtime,
  runtimes,
  start,
} from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";

/** What these answer to a word and an end. */
const answers: Record<string, string> = {
  "parley echo": "hi",
  "parley greet": "Hello, client!",
};

async function answer(target: ConnectOptions): Promise<string> {
  await using conn = await connect(target);
  await conn.send("hi");
  await conn.closeWrite();
  return text(await recvAll(conn));
}

async function answerTo(
  port: number,
  data: Uint8Array,
): Promise<Uint8Array> {
  await using socket = await bind({ port: 0 });
  await socket.sendTo(data, { hostname: "127.0.0.1", port });
  const [reply] = await socket.recvFrom();
  return reply;
}

for (const runtime of runtimes) {
  const command = (name: string, ...args: string[]) =>
    commandOf(runtime, name, ...args);

  for (const transport of transportNames) {
    describe(`${transport} on ${runtime.name}`, () => {
      for (const [name, expected] of Object.entries(answers)) {
        it(
          `${name} says where, answers, ends on SIGINT`,
          signalled,
          async () => {
            await using server = await serve(runtime, transport, name);
            const reply = transport === "UDP"
              ? text(
                await answerTo(server.port, new TextEncoder().encode("hi")),
              )
              : await answer(server.target);
            assertEquals(reply, expected);
            signal(server, "SIGINT");
            const { stdout, status } = await server.ended;
            assert(
              listening(transport, server.path).test(stdout.slice(0, -1)),
              stdout,
            );
            assertEquals(status, 0);
            assert(!existsSync(server.path), "Its socket file is still there");
          },
        );
      }

      it("client.ts on each runtime is answered", options, async () => {
        await using server = await serve(runtime, transport, "parley echo");
        for (const other of runtimes) {
          const client = commandOf(other, "client", ...server.client);
          await assertPrints([...client, "--message", "Grüße"], "Grüße\n");
        }
      });
    });
  }

  describe(`a place in use on ${runtime.name}`, () => {
    it("is one line for a Unix path, and stays in use", unixOnly, async () => {
      await using server = await serve(runtime, "Unix", "parley echo");
      for (const name of Object.keys(answers)) {
        await assertFails(command(name, "--unix", server.path), "EADDRINUSE");
      }
      assertEquals(await answer(server.target), "hi");
    });

    it("is one line for a UDP port", options, async () => {
      await using server = await serve(runtime, "UDP", "parley echo");
      const port = String(server.port);
      const echo = command("parley echo", "--udp", "--port", port);
      await assertFails(echo, "EADDRINUSE");
    });

    it("is no longer, after SIGINT with a client", unixOnly, async () => {
      const path = pathOf();
      for (let i = 0; i < 2; i++) {
        await using server = start(command("parley echo", "--unix", path));
        assertEquals(await server.line(), `listening on unix:${path}`);
        await using conn = await connect({ transport: "unix", path });
        await conn.send("hi");
        assertEquals(text(await conn.recv(2)), "hi");
        signal(server, "SIGINT");
        await conn.closeWrite();
        assertEquals(text(await recvAll(conn)), "");
        assertEquals((await server.ended).status, 0);
        assert(!existsSync(path), "Its socket file is still there");
      }
    });
  });

  describe(`a path that cannot be on ${runtime.name}`, () => {
    it("is one line, and a file at it is left alone", unixOnly, async () => {
      const file = pathOf();
      writeFileSync(file, "precious");
      const directory = pathOf();
      mkdirSync(directory);
      const echo = (path: string) => command("parley echo", `--unix=${path}`);
      await Promise.all([
        assertFails(echo(file), "EADDRINUSE"),
        assertFails(echo(directory), "EADDRINUSE"),
        assertFails(echo(join(file, "x")), file),
        assertFails(echo(join(folder, "no/x")), "ENOENT"),
        assertFails(echo(join(folder, "x".repeat(108))), "EINVAL"),
        assertFails(echo(""), "path", WRONG_ARGUMENTS),
        assertFails(command("client", "--unix", pathOf()), "ENOENT"),
        assertFails(command("client", "--unix", file), "ECONNREFUSED"),
      ]);
      assertEquals(readFileSync(file, "utf8"), "precious");
    });
  });
}

describe("datagrams come back whole", () => {
  const largest = largestDatagram();
  const native: Runtime = {
    name: "deno",
    command: [...deno.command, "--unstable-net"],
  };
  const servers: [name: string, runtime: Runtime][] = [
    ["deno", deno],
    ["deno --unstable-net", native],
    ["bun", bun],
    ["node", node],
  ];
  for (const [name, runtime] of servers) {
    it(`of ${largest}, 1 and 0 bytes, from ${name}`, options, async () => {
      await using server = await serve(runtime, "UDP", "parley echo");
      for (const length of [largest, 1, 0]) {
        const data = pattern(length);
        assertSameBytes(await answerTo(server.port, data), data);
      }
    });
  }
});

describe("a datagram without an answer", () => {
  it("is one line, after a while", options, async () => {
    const port = String(await freePort());
    await Promise.all(runtimes.map((runtime) => {
      const client = commandOf(runtime, "client", "--udp", "--port", port);
      return assertFails(client, "No reply from 127.0.0.1:");
    }));
  });
});

if (certificates !== undefined) {
  const { caFile, caKeyFile, certFile, keyFile } = certificates;
  for (const runtime of runtimes) {
    const command = (name: string, ...args: string[]) =>
      commandOf(runtime, name, ...args);
    const echo = (...args: string[]) =>
      command("parley echo", "--port=0", ...args);
    const client = (...args: string[]) => command("client", ...args);

    describe(`TLS on ${runtime.name}, in one line`, () => {
      it("needs both its files, readable, of one pair", options, async () => {
        const missing = join(folder, "missing.pem");
        const files = (cert: string, key: string) =>
          echo("--cert", cert, "--key", key);
        await Promise.all([
          assertFails(echo("--cert", certFile), "--key", WRONG_ARGUMENTS),
          assertFails(echo("--key", keyFile), "--cert", WRONG_ARGUMENTS),
          assertFails(files(missing, keyFile), missing),
          assertFails(files(certFile, missing), missing),
          assertFails(files(folder, keyFile), "EISDIR"),
          assertFails(files(certFile, folder), "EISDIR"),
          assertFails(files(keyFile, keyFile), "tls.cert", WRONG_ARGUMENTS),
          assertFails(files(certFile, certFile), "EPROTO"),
          assertFails(files(certFile, caKeyFile), "EPROTO"),
          assertFails(client("--ca", missing), missing),
          assertFails(client("--ca", keyFile), "tls.caCerts"),
        ]);
      });

      it(
        "trusts no certificate unasked, and no plain text",
        options,
        async () => {
          await using plain = await serve(deno, "TCP/IPv4", "parley greet");
          await using secure = await serve(bun, "TLS", "parley greet");
          const [plainPort, port] = [plain, secure].map(({ port }) =>
            `${port}`
          );
          await assertFails(client("--tls", "--port", port), "EPROTO");
          await assertFails(
            client("--ca", caFile, "--port", plainPort),
            "EPROTO",
          );
        },
      );

      it("trusts the system's certificates, with --tls", options, async () => {
        await using server = await serve(deno, "TLS", "parley echo");
        const system = [`DENO_CERT=${caFile}`, `NODE_EXTRA_CA_CERTS=${caFile}`];
        await assertPrints([
          ...["env", ...system],
          ...client("--tls", "--port", `${server.port}`),
        ], "Hello, world\n");
      });
    });
  }
}

// The same code on every runtime, so on the one that starts fastest.
describe("flags that exclude each other", () => {
  const echo = (...args: string[]) =>
    commandOf(bun, "parley echo", "--port=0", ...args);
  const client = (...args: string[]) => commandOf(bun, "client", ...args);
  const wrong = (flag: string, ...args: string[]) =>
    assertFails(echo(...args), flag, WRONG_ARGUMENTS);

  it("ask for a stream and UDP", options, async () => {
    await Promise.all([
      wrong("--unix", "--udp", "--unix", pathOf()),
      assertFails(client("--udp", "--unix", pathOf()), "--unix"),
    ]);
  });

  it("ask for TLS where there is none", {
    ...options,
    skip: certificates === undefined && "No openssl",
  }, async () => {
    const { caFile, keyFile } = certificates ?? { caFile: "", keyFile: "" };
    await Promise.all([
      wrong("--cert", "--udp", ...identity),
      wrong("--cert", "--unix", pathOf(), ...identity),
      wrong("--key", "--unix", pathOf(), "--key", keyFile),
      assertFails(client("--udp", "--tls", "--port=9"), "--tls"),
      assertFails(client("--unix", pathOf(), "--tls"), "--tls"),
      assertFails(client("--unix", pathOf(), "--ca", caFile), "--ca"),
    ]);
  });
});
