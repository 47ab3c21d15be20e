/** Reads an IP address into its 4 or 16 bytes; nothing for anything else. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Exactly four numbers: with a zero in front, some programs read octal. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const valid = (part: string) =>
    /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255;
  if (parts.length !== 4 || !parts.every(valid)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  // The last two groups may be written as an IPv4 address.
  const start = text.lastIndexOf(":") + 1;
  const ipv4 = parseIpv4(text.slice(start));
  if (ipv4 !== undefined) {
    text = text.slice(0, start) + groupsOf(ipv4).join(":");
  }
  const halves = text.split("::").map((half) =>
    half === "" ? [] : half.split(":")
  );
  const [head, tail = []] = halves;
  const zeros = 8 - head.length - tail.length;
  const fits = halves.length === 1
    ? zeros === 0
    : halves.length === 2 && zeros > 0;
  const valid = (group: string) => /^[\da-f]{1,4}$/i.test(group);
  if (!fits || !head.every(valid) || !tail.every(valid)) return undefined;
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  head.forEach((group, i) => view.setUint16(2 * i, parseInt(group, 16)));
  tail.forEach((group, i) =>
    view.setUint16(2 * (head.length + zeros + i), parseInt(group, 16))
  );
  return bytes;
}

/** The groups of an IPv6 address, hexadecimal without leading zeros. */
function groupsOf(bytes: Uint8Array): string[] {
  const groups: string[] = [];
  for (let i = 0; i < bytes.length; i += 2) {
    groups.push((256 * bytes[i] + bytes[i + 1]).toString(16));
  }
  return groups;
}

/** Writes an IP address as RFC 5952 wants it, and as the runtimes do. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const ipv4 = unmapped(bytes);
  if (ipv4 !== bytes) return `::ffff:${ipv4.join(".")}`;
  const text = groupsOf(bytes).join(":");
  let [longest, at] = ["", 0];
  for (const { 0: zeros, index } of text.matchAll(/\b0(?::0)+\b/g)) {
    if (zeros.length > longest.length) [longest, at] = [zeros, index];
  }
  if (longest === "") return text;
  const before = text.slice(0, at).replace(/:$/, "");
  const after = text.slice(at + longest.length).replace(/^:/, "");
  return `${before}::${after}`;
}

/**
 * Returns the one form of an IP address that can be compared: as RFC 5952 wants
 * it, and IPv4 without the `::ffff:` that an IPv6 socket puts before it.
 * Anything else is returned as it is.
 */
export function canonicalIp(hostname: string): string {
  // IPv4 has one form only.
  if (!hostname.includes(":")) return hostname;
  const [address, zone] = hostname.split("%", 2);
  const ip = parseIp(address);
  if (ip === undefined) return hostname;
  const text = formatIp(unmapped(ip));
  return zone === undefined ? text : `${text}%${zone}`;
}

/** Whether the IPv4 address is inside, as an IPv6 socket shows its peers. */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 &&
    bytes.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
}

/** The IPv4 address inside, if there is one; otherwise the same bytes. */
function unmapped(bytes: Uint8Array): Uint8Array {
  return isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/**
 * Reads a network as `10.0.0.0/8`, or a single address; nothing for anything
 * else. Returns whether an address, as a socket shows it, is in there: an
 * IPv4-mapped one counts as IPv4, and is in no IPv6 network. The zone of a
 * link-local address, as `%eth0`, is ignored.
 */
export function parseNetwork(
  text: string,
): ((hostname: string) => boolean) | undefined {
  const [, address = "", length] =
    /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  let base = parseIp(address);
  if (base === undefined) return undefined;
  let bits = length === undefined ? 8 * base.length : Number(length);
  if (bits > 8 * base.length) return undefined;
  if (isMapped(base) && bits >= 96) {
    base = unmapped(base);
    bits -= 96;
  }
  const network = base;
  return (hostname) => {
    const ip = parseIp(hostname.split("%", 1)[0]);
    return ip !== undefined && sharesBits(unmapped(ip), network, bits);
  };
}

function sharesBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  if (a.length !== b.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole] ^ b[whole]) >> (8 - rest) === 0;
}
