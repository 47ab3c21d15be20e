// The multicast DNS responder, asked by Python on the loopback interface.
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import {
  assertFails,
  command as commandOf,
  options,
} from "../support/examples.ts";
import { output, python, runtimes, start } from "../support/programs.ts";

/** Asks the group for a name; prints the answer in hexadecimal. */
const ASK = `
group, port, name, flags, own = args[0], int(args[1]), args[2], args[3], int(args[4])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if sys.platform == "darwin":
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
lo = socket.inet_aton("127.0.0.1")
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lo)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + lo)
s.bind(("", own))
def ask(name, kind):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    question = labels + b"\\0" + struct.pack("!HH", kind, int(flags, 16))
    s.sendto(struct.pack("!6H", 0x1234, 0, 1, 0, 0, 0) + question, (group, port))
for junk in [b"", b"x", b"\\0" * 12, b"\\0\\0\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\x3fabc", b"\\xff" * 40]:
    s.sendto(junk, (group, port))
ask("other.local", 1)
ask(name, 28)
ask(name, 1)
while True:
    data, peer = s.recvfrom(1000)
    # A member of the group receives the questions, too.
    if data[2:4] == b"\\x84\\0":
        print(data.hex(), peer[0], peer[1])
        break
`;

const GROUP = "224.0.0.251";

for (const runtime of runtimes) {
  describe(`examples/mdns.ts on ${runtime.name}`, () => {
    const command = (...args: string[]) => commandOf(runtime, "mdns", ...args);

    it("answers resolvers and multicast queries", options, async () => {
      const name = ["--name", "Echo.local", "--address", "192.0.2.7"];
      await using responder = start(command("--port", "0", ...name));
      const line = await responder.line();
      const says = /^answering for echo\.local on 127\.0\.0\.1:(\d+)$/;
      const port = says.exec(line)?.[1] ?? "";
      assert(port !== "", line);
      const ask = (flags: string, own: string) =>
        output(python(ASK, GROUP, port, "ECHO.local", flags, own));
      const asked = Buffer.from("\x04ECHO\x05local\x00").toString("hex");
      // A resolver gets its question back, and a short time to live.
      assertEquals(
        await ask("1", "0"),
        `123484000001000100000000${asked}00010001${asked}00010001` +
          `0000000a0004c0000207 127.0.0.1 ${port}\n`,
      );
      // From the port of multicast DNS: an answer to all, or as it was asked.
      const all = `000084000000000100000000${asked}00018001` +
        `000000780004c0000207 127.0.0.1 ${port}\n`;
      assertEquals(await ask("1", port), all);
    });

    it("--help prints the usage, a wrong flag one line", options, async () => {
      const usage = await output(command("--help"));
      assert(usage.startsWith("Usage: mdns.ts"), usage);
      await assertFails(command("--nope"), "--nope");
      await assertFails(command("--address", "::1"), "--address");
      await assertFails(command("--port", "70000"), "port");
    });
  });
}
