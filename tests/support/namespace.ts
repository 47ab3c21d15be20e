// Networks of their own for child processes: routes that fail, a hosts file.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { folder } from "./folder.ts";

/**
 * A network that nothing else is in, for multicast and what leaves the machine;
 * routes that refuse at once, each with a code of its own, and SYN segments
 * that are repeated only once.
 */
const SETUP = `
mount --bind "$1" /etc/hosts
ip link set lo up
ip link add net0 type veth peer name net1
ip link set net1 up
ip link set net0 up
ip addr add 198.18.5.1/24 dev net0
ip addr add fd00:70::1/64 dev net0 nodad
ip addr add fe80::70:1/64 dev net0 nodad
ip route add blackhole 198.18.1.0/24
ip route add unreachable 198.18.2.0/24
ip route add prohibit 198.18.3.0/24
echo 1 > /proc/sys/net/ipv4/tcp_syn_retries
`;

/** An address, and the code of every call that sends to it. */
export const UNREACHABLE = {
  "198.18.1.1": "EINVAL",
  "198.18.2.1": "EHOSTUNREACH",
  "198.18.3.1": "EACCES",
  "198.18.4.1": "ENETUNREACH",
  "2001:db8::1": "ENETUNREACH",
} as const;

const hosts = join(folder, "hosts");
writeFileSync(
  hosts,
  `::1 localhost
127.0.0.1 localhost
127.0.0.1 three.test
127.0.0.2 three.test
127.0.0.3 three.test
::1 six.test
127.0.0.1 away.test
198.18.4.1 away.test
`,
);

/** Runs a command there; needs Linux, and the right to make a namespace. */
export function inNamespace(...command: string[]): string[] {
  const script = `set -e; ${SETUP} shift; exec "$@"`;
  return [
    ...["unshare", "--map-root-user", "--mount", "--net"],
    ...["sh", "-c", script, "sh", hosts, ...command],
  ];
}

/** Why a test cannot run in a network of its own, for `skip`. */
export function noNamespace(): string | false {
  const [name, ...args] = inNamespace("true");
  const { status, stderr } = spawnSync(name, args, { encoding: "utf8" });
  if (status === 0) return false;
  const reason = `no network of its own can be made here: ${stderr}`;
  console.log(`Skipped: ${reason}`);
  return reason;
}
