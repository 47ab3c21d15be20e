import { networkInterfaces } from "node:os";
import { parseIp } from "../ip.ts";
import { canListInterfaces } from "../open.ts";

/** Milliseconds until the interfaces are listed again. */
const MAX_AGE = 60_000;

let addresses = new Set<string>();
let listedAt = -Infinity;

/**
 * Returns whether an IPv4 address is the broadcast address of a network that
 * this machine is in, the first or the last of it. Always false where the
 * runtime does not permit to list the interfaces.
 */
export function isBroadcast(ip: string): boolean {
  const now = performance.now();
  if (now - listedAt > MAX_AGE) {
    listedAt = now;
    addresses = listBroadcasts();
  }
  return addresses.has(ip);
}

function listBroadcasts(): Set<string> {
  const found = new Set<string>();
  if (!canListInterfaces()) return found;
  try {
    for (const known of Object.values(networkInterfaces()).flat()) {
      const { address, netmask } = known ?? { address: "", netmask: "" };
      const ip = parseIp(address);
      const mask = parseIp(netmask);
      // IPv6 has none, nor has a network of one or two addresses.
      if (ip?.length !== 4 || mask?.length !== 4 || mask[3] >= 254) continue;
      found.add(ip.map((byte, i) => byte & mask[i]).join("."));
      found.add(ip.map((byte, i) => byte | ~mask[i] & 255).join("."));
    }
  } catch {
    // A sandbox may refuse it. The other rules hold without the list.
  }
  return found;
}
