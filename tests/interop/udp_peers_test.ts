// UDP with other programs: Python and socat.
import { spawnSync } from "node:child_process";
import { bind } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, text } from "../support/bytes.ts";
import { largestDatagram } from "../support/platform.ts";
import { output, python, start } from "../support/programs.ts";
import { perFamily } from "../support/udp.ts";

perFamily("Python is a peer, both ways", async (hostname) => {
  const family = hostname === "::1" ? "socket.AF_INET6" : "socket.AF_INET";
  const lengths = [5, 0, 1, 1472, largestDatagram()];
  await using server = start(python(
    `s = socket.socket(${family}, socket.SOCK_DGRAM)
s.bind((args[0], 0))
print(s.getsockname()[1], flush=True)
for _ in range(${lengths.length}):
    data, peer = s.recvfrom(65536)
    s.sendto(data, peer[:2])`,
    hostname,
  ));
  await using socket = await bind({ hostname, port: 0 });
  const port = Number(await server.line());
  for (const length of lengths) {
    await socket.sendTo(pattern(length, 7), { hostname, port });
    const [data, from] = await socket.recvFrom();
    assertSameBytes(data, pattern(length, 7));
    assertEquals(from, { transport: "udp", hostname, port });
  }
  const client = output(python(
    `s = socket.socket(${family}, socket.SOCK_DGRAM)
for n in [${lengths}]:
    s.sendto(b"x" * n, (args[0], int(args[1])))
    data, peer = s.recvfrom(65536)
    assert data == b"x" * n and peer[1] == int(args[1]), (n, len(data), peer)
print("whole")`,
    hostname,
    socket.addr.port,
  ));
  for (const length of lengths) {
    const [data, from] = await socket.recvFrom();
    assertEquals(data.length, length);
    await socket.sendTo(data, from);
  }
  assertEquals((await client).trim(), "whole");
});

if (spawnSync("socat", ["-V"]).status !== 0) {
  console.log("No socat, so UDP is not tested against it");
} else {
  perFamily("socat is a peer", async (hostname) => {
    await using socket = await bind({ hostname, port: 0 });
    const { port } = socket.addr;
    const target = hostname === "::1"
      ? `UDP6:[::1]:${port}`
      : `UDP4:${hostname}:${port}`;
    await using socat = start(["socat", "-", target]);
    for (const word of ["hello", "again"]) {
      socat.process.stdin?.write(`${word}\n`);
      const [data, from] = await socket.recvFrom();
      assertEquals(text(data), `${word}\n`);
      await socket.sendTo(`${word} to you\n`, from);
      assertEquals(await socat.line(), `${word} to you`);
    }
  });
}
