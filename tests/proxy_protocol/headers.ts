// What the tests of the PROXY protocol share: a writer of headers, valid ones and
// others.
import type { Address, NetAddress, UnixAddress } from "../../mod.ts";
import { concat } from "../support/bytes.ts";

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

/** The same header with its checksum, in a vector that ends `after` before its end. */
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

/** The longest header of the first version, its CRLF included. */
const LONGEST_LINE = 107;

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
    case 1: {
      const [source, target] = [randomIpv6(roll), randomIpv6(roll)];
      const header = line("TCP6", source, target, port(), port());
      // IPv6 with an IPv4 in it may be longer than a line has room for.
      return header.length <= LONGEST_LINE ? header : randomHeader(roll);
    }
    case 2:
      return line("UNKNOWN", ...some(roll(8)));
  }
  const proxied = roll(4) > 0;
  const family = 1 + roll(3);
  const size = [12, 36, 216][family - 1];
  const parts = proxied ? [Uint8Array.from(some(size))] : [];
  for (let i = roll(4); i > 0; i--) {
    parts.push(vector([1, 2, 4, 5, 32, 48, 224][roll(7)], some(roll(40))));
  }
  const sum = roll(2) > 0;
  if (sum) parts.push(blankSum);
  const protocol = 16 * family + 1 + roll(2);
  const header = proxied
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
