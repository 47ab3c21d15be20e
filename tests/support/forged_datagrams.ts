// Datagrams with a forged source, sent through a raw socket.
import process from "node:process";
import { platform } from "./platform.ts";
import { output, python } from "./programs.ts";

/** Sends a datagram from each address and port to each port on 127.0.0.1. */
export const forge = (
  from: [string, number][],
  to: number[],
): Promise<string> =>
  output(python(
    `import json
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
lo = socket.inet_aton("127.0.0.1")
for host, port in json.loads(args[0]):
    for to in json.loads(args[1]):
        udp = struct.pack("!HHHH", port, to, 13, 0) + b"loop!"
        ip = socket.inet_aton(host)
        head = struct.pack("!BBHHHBBH4s4s", 69, 0, 33, 0, 0, 64, 17, 0, ip, lo)
        s.sendto(head + udp, ("127.0.0.1", 0))`,
    JSON.stringify(from),
    JSON.stringify(to),
  ));

/** Why forged datagrams cannot be sent here. */
export function noRawSockets(): string | false {
  if (platform === "linux" && process.getuid?.() === 0) return false;
  console.log("Skipped: forged sources need root, on Linux");
  return "needs root, on Linux";
}
