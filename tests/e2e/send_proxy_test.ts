// proxy.ts with --send-proxy: the address of its client at the target.
import { describe, it } from "node:test";
import { connect, type Connection, formatAddress } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { options, serve, signal, signalled } from "../support/examples.ts";
import { withPrograms } from "../support/peers.ts";
import { runtimes } from "../support/programs.ts";
import { PROXIED_PEERS } from "../support/proxied_peers.ts";
import { portOf } from "../support/transports.ts";

async function exchange(conn: Connection, request: string): Promise<string> {
  await conn.send(request);
  await conn.closeWrite();
  return text(await recvAll(conn));
}

for (const runtime of runtimes) {
  describe(`proxy.ts --send-proxy on ${runtime.name}`, () => {
    for (const [program, startServer] of Object.entries(PROXIED_PEERS)) {
      it(
        `to ${program}`,
        { ...options, ...withPrograms(program) },
        async () => {
          await using target = await startServer();
          const flags = ["--send-proxy", `--to-port=${target.port}`];
          for (const front of ["TCP/IPv4", "TLS"] as const) {
            await using proxy = await serve(runtime, front, "proxy", ...flags);
            await using conn = await connect(proxy.target);
            const response = await exchange(conn, "GET / HTTP/1.0\r\n\r\n");
            const { port } = proxy;
            assertEquals(
              response.slice(response.indexOf("\r\n\r\n") + 4),
              `127.0.0.1 ${portOf(conn.localAddr)} 127.0.0.1 ${port}\n`,
            );
          }
        },
      );
    }

    it("to a server of ours", signalled, async () => {
      const trusted = "--proxy-protocol=127.0.0.1";
      await using echo = await serve(
        runtime,
        "TCP/IPv4",
        "parley echo",
        trusted,
      );
      const flags = ["--send-proxy", `--to-port=${echo.port}`];
      await using proxy = await serve(runtime, "TLS", "proxy", ...flags);
      await using conn = await connect(proxy.target);
      assertEquals(await exchange(conn, "hello"), "hello");
      signal(echo, "SIGTERM");
      const { stderr } = await echo.ended;
      const [, peer] = stderr.split(" ");
      assertEquals(peer, `${formatAddress(conn.localAddr)}\n`);
    });
  });
}
