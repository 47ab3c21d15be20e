/** Four numbers up to 255, without leading zeros. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Returns the hostname without the brackets that URLs put around IPv6. */
export function checkHostname(hostname: string = "127.0.0.1"): string {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(
      `Invalid hostname "${hostname}": expected a name or an IP address`,
    );
  }
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/**
 * Whether it is an IP address as sockets report it, not a name. It runs once a
 * datagram, so it is a glance: one with a colon cannot be a name.
 */
export function isAddress(hostname: string): boolean {
  return IPV4.test(hostname) ||
    (hostname.includes(":") && !hostname.includes("%"));
}
