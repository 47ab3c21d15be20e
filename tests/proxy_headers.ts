// What the tests of the PROXY protocol share: a writer of headers, and a reader
// of its own, written from the specification with other means than the package.
import { isIPv4, isIPv6 } from "node:net";
import type { Address, NetAddress, UnixAddress } from "../mod.ts";
import { concat } from "./support.ts";

export interface Endpoints {
  source: Address;
  destination: Address;
}

export const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];
export const LOCAL = 0x20;
export const PROXY = 0x21;

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function tcp(hostname: string, port: number): NetAddress<"tcp"> {
  return { transport: "tcp", hostname, port };
}

export function unix(path: string): UnixAddress {
  return { transport: "unix", path };
}

/** Version 1 with these words. */
export function line(...words: (string | number)[]): Uint8Array<ArrayBuffer> {
  return bytesOf(`PROXY ${words.join(" ")}\r\n`);
}

/** Version 2 with this after its fixed part, of the length that it has. */
export function block(
  command: number,
  family: number,
  ...parts: Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const rest = concat(parts);
  const start = [...SIGNATURE, command, family];
  return concat([
    Uint8Array.of(...start, rest.length >> 8, rest.length & 0xff),
    rest,
  ]);
}

/** The addresses in version 2: numbers of 4 or 16 bytes, or 108 of a path. */
export function addresses(
  source: number[],
  destination: number[],
  ...ports: number[]
): Uint8Array<ArrayBuffer> {
  const flat = ports.flatMap((port) => [port >> 8, port & 0xff]);
  return Uint8Array.of(...source, ...destination, ...flat);
}

export function path(text: string): number[] {
  return [...new TextEncoder().encode(text.padEnd(108, "\0"))];
}

export function vector(
  type: number,
  value: ArrayLike<number>,
): Uint8Array<ArrayBuffer> {
  const { length } = value;
  return concat([
    Uint8Array.of(type, length >> 8, length & 0xff),
    Uint8Array.from(value),
  ]);
}

/** The vector of the checksum, for `summed` to fill in. */
export const blankSum: Uint8Array<ArrayBuffer> = vector(3, [0, 0, 0, 0]);

/** The same header with its checksum, whose vector ends `after` before its end. */
export function summed(
  header: Uint8Array<ArrayBuffer>,
  after = 0,
): Uint8Array<ArrayBuffer> {
  const whole = header.slice();
  const at = whole.length - after - 4;
  new DataView(whole.buffer).setUint32(at, crc32c(whole));
  return whole;
}

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  for (let i = 0; i < 8; i++) {
    byte = byte & 1 ? (byte >>> 1) ^ 0x82f63b78 : byte >>> 1;
  }
  return byte;
});

export function crc32c(bytes: Uint8Array): number {
  const rest = bytes.reduce(
    (crc, byte) => TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8),
    0xffffffff,
  );
  return (rest ^ 0xffffffff) >>> 0;
}

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
  const told = command === PROXY && !protocol.includes("0");
  const taken = new Map([["1", 12], ["2", 36], ["3", 216]])
    .get(protocol[0]) ?? 0;
  if (told && size < taken) return "malformed";
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
  } else if (told) return "malformed";
  const length = 16 + size;
  return told ? { length, endpoints: endpointsIn(view, protocol) } : { length };
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

/** Random numbers below `most`, the same for the same seed. */
export function dice(seed: number): (most: number) => number {
  let state = seed >>> 0;
  return (most) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  };
}

/** A header that is valid, of any kind. */
export function randomHeader(
  roll: (most: number) => number,
): Uint8Array<ArrayBuffer> {
  const some = (count: number) =>
    Array.from({ length: count }, () => roll(256));
  const quad = () => some(4).join(".");
  const port = () => roll(65536);
  switch (roll(6)) {
    case 0:
      return line("TCP4", quad(), quad(), port(), port());
    case 1:
      return line("TCP6", randomIpv6(roll), randomIpv6(roll), port(), port());
    case 2:
      return line("UNKNOWN", ...some(roll(8)));
  }
  const told = roll(4) > 0;
  const family = 1 + roll(3);
  const size = [12, 36, 216][family - 1];
  const parts = told ? [Uint8Array.from(some(size))] : [];
  for (let i = roll(4); i > 0; i--) {
    parts.push(vector([1, 2, 4, 5, 32, 48, 224][roll(7)], some(roll(40))));
  }
  const sum = roll(2) > 0;
  if (sum) parts.push(blankSum);
  const protocol = 16 * family + 1 + roll(2);
  const header = told
    ? block(PROXY, protocol, ...parts)
    : block(roll(2) ? LOCAL : PROXY, 0, ...parts);
  return sum ? summed(header) : header;
}

/** With zeros to be compressed, in any spelling. */
export function randomIpv6(roll: (most: number) => number): string {
  const groups = Array.from({ length: 8 }, () => roll(2) ? 0 : roll(65536));
  if (roll(8) === 0) groups.splice(0, 6, 0, 0, 0, 0, 0, 0xffff);
  const texts = groups.map((group) => {
    const text = group.toString(16).padStart(roll(5), "0");
    return roll(2) ? text.toUpperCase() : text;
  });
  if (roll(6) === 0) {
    const quad = groups.slice(6).flatMap((group) => [group >> 8, group & 255]);
    texts.splice(6, 2, quad.join("."));
  }
  const start = groups.indexOf(0);
  const last = texts.length === 8 ? 8 : 6;
  if (start < 0 || start >= last || roll(3) === 0) return texts.join(":");
  let end = start;
  while (end < last && groups[end] === 0) end++;
  return `${texts.slice(0, start).join(":")}::${texts.slice(end).join(":")}`;
}

/** The same bytes, but for one or two that are not. */
export function mutated(
  header: Uint8Array<ArrayBuffer>,
  roll: (most: number) => number,
): Uint8Array<ArrayBuffer> {
  const bytes = [...header];
  for (let i = 1 + roll(2); i > 0; i--) {
    const at = roll(bytes.length + 1);
    const telling = bytesOf("0123456789abF:. \r\n\0\x20\x21\x11TCPUNKNOWN%-");
    const byte = roll(2) ? roll(256) : telling[roll(telling.length)];
    switch (roll(5)) {
      case 0:
        bytes.splice(at, 1, byte);
        break;
      case 1:
        bytes.splice(at, 0, byte);
        break;
      case 2:
        bytes.splice(at, 1 + roll(3));
        break;
      case 3:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + roll(8)));
        break;
      case 4:
        // The part that has a meaning, and little room for it.
        if (at < bytes.length) bytes[Math.min(at, 12 + roll(4))] = byte;
    }
  }
  return Uint8Array.from(bytes);
}
