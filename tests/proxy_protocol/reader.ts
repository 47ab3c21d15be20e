// A reader of PROXY headers and IP addresses, written from the specification with
// other means than the package: what that one has to agree with.
import { isIPv4, isIPv6 } from "node:net";
import {
  crc32c,
  type Endpoints,
  LOCAL,
  PROXY,
  SIGNATURE,
  tcp,
  unix,
} from "./headers.ts";

/** The address as the platform's URLs write it, but for IPv4 inside. */
export function canonical(ip: string): string {
  if (isIPv4(ip)) return ip;
  // Bun's URLs refuse some that have an IPv4 address at the end.
  const groups = ip.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) =>
      [256 * Number(a) + Number(b), 256 * Number(c) + Number(d)]
        .map((group) => group.toString(16)).join(":"),
  );
  const hostname = new URL(`http://[${groups}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(hostname);
  if (mapped === null) return hostname;
  const [high, low] = mapped.slice(1).map((group) => parseInt(group, 16));
  return `::ffff:${[high >> 8, high & 255, low >> 8, low & 255].join(".")}`;
}

type Reading =
  | "incomplete"
  | "malformed"
  | { length: number; endpoints?: Endpoints };

/** What the bytes are by the letter of the specification. */
export function read(bytes: Uint8Array): Reading {
  const text = String.fromCharCode(...bytes.subarray(0, 107));
  const signature = String.fromCharCode(...SIGNATURE);
  if (text === "") return "incomplete";
  if (signature.startsWith(text.slice(0, 12))) return readBlock(bytes);
  if (!"PROXY ".startsWith(text.slice(0, 6))) return "malformed";
  const crlf = text.indexOf("\r\n");
  const before = crlf < 0 ? text.replace(/\r$/, "") : text.slice(0, crlf);
  if (/[\r\n]/.test(before)) return "malformed";
  if (crlf < 0) return text.length < 107 ? "incomplete" : "malformed";
  if (/^PROXY UNKNOWN( [^]*)?$/.test(before)) return { length: crlf + 2 };
  const found = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(
    before,
  );
  if (found === null) return "malformed";
  const [, version, source, destination, ...ports] = found;
  const isIp = version === "4"
    ? isIPv4
    : (ip: string) => isIPv6(ip) && !ip.includes("%");
  const isPort = (port: string) =>
    Number(port) < 65536 && String(Number(port)) === port;
  if (![source, destination].every(isIp) || !ports.every(isPort)) {
    return "malformed";
  }
  const [from, to] = ports.map(Number);
  return {
    length: crlf + 2,
    endpoints: {
      source: tcp(canonical(source), from),
      destination: tcp(canonical(destination), to),
    },
  };
}

function readBlock(bytes: Uint8Array): Reading {
  if (bytes.length < 16) return "incomplete";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [command, protocol, size] = [
    view.getUint8(12),
    view.getUint8(13).toString(16).padStart(2, "0"),
    view.getUint16(14),
  ];
  if (command !== LOCAL && command !== PROXY) return "malformed";
  if (command === PROXY && !/^[0-3][0-2]$/.test(protocol)) return "malformed";
  if (size > 16_384 - 16) return "malformed";
  const proxied = command === PROXY && !protocol.includes("0");
  const taken = new Map([["1", 12], ["2", 36], ["3", 216]])
    .get(protocol[0]) ?? 0;
  if (proxied && size < taken) return "malformed";
  if (bytes.length < 16 + size) return "incomplete";
  const sums: [number, Uint8Array][] = [];
  let at = 16 + taken;
  while (at + 3 <= 16 + size) {
    const end = at + 3 + view.getUint16(at + 1);
    if (bytes[at] === 3) sums.push([at + 3, bytes.subarray(at + 3, end)]);
    at = end;
  }
  if (at === 16 + size) {
    for (const [place, value] of sums) {
      if (value.length !== 4 || sums.length !== 1) return "malformed";
      const zeroed = bytes.slice(0, 16 + size);
      zeroed.set([0, 0, 0, 0], place);
      if (crc32c(zeroed) !== view.getUint32(place)) return "malformed";
    }
  } else if (proxied) return "malformed";
  const length = 16 + size;
  return proxied
    ? { length, endpoints: endpointsIn(view, protocol) }
    : { length };
}

function endpointsIn(view: DataView, protocol: string): Endpoints {
  const bytes = (at: number, count: number) =>
    Array.from({ length: count }, (_, i) => view.getUint8(16 + at + i));
  if (protocol[0] === "3") {
    const pathAt = (at: number) => {
      const all = new TextDecoder().decode(Uint8Array.from(bytes(at, 108)));
      return unix(all.split("\0")[0]);
    };
    return { source: pathAt(0), destination: pathAt(108) };
  }
  const transport = protocol[1] === "1" ? "tcp" : "udp";
  const count = protocol[0] === "1" ? 4 : 16;
  const ip = (at: number) =>
    count === 4 ? bytes(at, 4).join(".") : canonical(
      bytes(at, 16).map((byte, i) =>
        byte.toString(16).padStart(2, "0") + (i % 2 && i < 15 ? ":" : "")
      ).join(""),
    );
  const port = (at: number) => view.getUint16(16 + at);
  return {
    source: { transport, hostname: ip(0), port: port(2 * count) },
    destination: { transport, hostname: ip(count), port: port(2 * count + 2) },
  };
}
