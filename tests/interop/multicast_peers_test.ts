// Multicast groups with socat, on the loopback interface.
import { it } from "node:test";
import { bind } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { withPrograms } from "../support/peers.ts";
import { platform } from "../support/platform.ts";
import { start } from "../support/programs.ts";
import { recvText } from "../support/udp.ts";
import { until } from "../support/wait.ts";

const skip = platform !== "linux" && "socat's options are those of Linux";
if (skip) console.log(`Skipped: ${skip}`);
const socat = { ...withPrograms("socat"), ...(skip && { skip }) };

it("socat is a member, and a sender", socat, async () => {
  const group = "239.255.70.10";
  await using member = await bind({
    hostname: "0.0.0.0",
    port: 0,
    reuseAddress: true,
  });
  const { port } = member.addr;
  await member.joinMulticast(group, "127.0.0.1");
  const from = `ip-add-membership=${group}:127.0.0.1,reuseaddr`;
  await using receiver = start([
    ...["socat", "-d", "-d", "-u", `UDP4-RECV:${port},${from}`, "-"],
  ]);
  let log = "";
  receiver.process.stderr?.on("data", (data) => log += data);
  await until(() => log.includes("starting data transfer"));
  const out = "ip-multicast-if=127.0.0.1";
  const to = `UDP4-SENDTO:${group}:${port},${out}`;
  await using sender = start(["socat", "-u", "-", to]);
  sender.process.stdin?.write("from socat\n");
  assertEquals(await recvText(member), "from socat\n");
  assertEquals(await receiver.line(), "from socat");
  await using ours = await bind({ hostname: "127.0.0.1", port: 0 });
  await ours.sendTo("from us\n", { hostname: group, port });
  assertEquals(await receiver.line(), "from us");
});
