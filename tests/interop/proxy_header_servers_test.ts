// The header that `connect` sends, as HAProxy and nginx read it.
import { describe, it } from "node:test";
import { connect, type NetAddress, type TcpConnectOptions } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { recvAll, text } from "../support/bytes.ts";
import { certificates } from "../support/certificates.ts";
import { withPrograms } from "../support/peers.ts";
import { PROXIED_PEERS } from "../support/proxied_peers.ts";

const tcp = (hostname: string, port: number): NetAddress => ({
  transport: "tcp",
  hostname,
  port,
});

/** A client and the address it connected to, of each version of IP. */
const PAIRS = [
  ["127.0.0.1", tcp("203.0.113.7", 51000), tcp("198.51.100.1", 443)],
  ["::1", tcp("2001:db8::7", 1), tcp("2001:db8::1", 65535)],
  // The header and its connection need not be of the same version.
  ["127.0.0.1", tcp("2001:db8:0:1::7", 51000), tcp("2001:db8::1", 443)],
  // As a socket for both versions has it.
  ["::1", tcp("::ffff:203.0.113.7", 51000), tcp("::ffff:198.51.100.1", 443)],
] as const;

/** The addresses that the server was told. */
async function named(options: TcpConnectOptions): Promise<string> {
  await using conn = await connect(options);
  await conn.send("GET / HTTP/1.0\r\n\r\n");
  const response = text(await recvAll(conn));
  return response.slice(response.indexOf("\r\n\r\n") + 4).trim();
}

for (const [program, startServer] of Object.entries(PROXIED_PEERS)) {
  describe(`${program} reads the header of connect`, () => {
    it("versions 1 and 2, IPv4 and IPv6", withPrograms(program), async () => {
      await using server = await startServer();
      const { port } = server;
      for (const version of [1, 2] as const) {
        for (const [hostname, source, destination] of PAIRS) {
          const proxyHeader = { version, source, destination };
          const names = [source, destination].map(({ hostname, port }) =>
            `${hostname.replace("::ffff:", "")} ${port}`
          );
          assertEquals(
            await named({ hostname, port, proxyHeader }),
            names.join(" "),
          );
        }
      }
    });

    it("before TLS", withPrograms(program, "openssl"), async () => {
      if (certificates === undefined) throw new Error("no certificates");
      await using server = await startServer(certificates);
      const [[, source, destination]] = PAIRS;
      for (const version of [1, 2] as const) {
        const proxyHeader = { version, source, destination };
        const tls = { caCerts: [certificates.ca] };
        assertEquals(
          await named({ port: server.tlsPort, proxyHeader, tls }),
          "203.0.113.7 51000 198.51.100.1 443",
        );
      }
    });
  });
}
