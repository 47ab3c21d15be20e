import { formatIp, parseIp } from "../../ip.ts";
import type { Address } from "../../socket.ts";

// The PROXY protocol, versions 1 and 2:
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

/** The header that a proxy sends as the first bytes of a connection. */
export interface ProxyHeader {
  /** The length of the header; the client's bytes follow it. */
  length: number;
  /** The client and the address it connected to; absent if the proxy has none. */
  endpoints?: { source: Address; destination: Address };
}

/** A header, or why there is none. */
export type Parsed = ProxyHeader | "incomplete" | "malformed";

/**
 * The longest header that is read, in bytes. The protocol wants 536 to do, but
 * certificates may be in it; HAProxy's own buffers are of this size.
 */
export const LONGEST_HEADER = 16_384;

const NAME = new TextEncoder().encode("PROXY ");
/** The longest first version, its CRLF included. */
const LONGEST_LINE = 107;

/** The start of the second version. */
export const SIGNATURE: Uint8Array = Uint8Array.from(
  [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a],
);
/** The length of the second version up to its addresses. */
const FIXED_LENGTH = 16;
/** Version 2 in the high bits, one of its two commands in the low bits. */
const LOCAL = 0x20;
const PROXY = 0x21;
/** The length of the addresses of each family: none, IPv4, IPv6, Unix. */
const ADDRESS_LENGTHS = [0, 12, 36, 216];
/** The protocols: none, stream, datagram. */
const PROTOCOLS = [undefined, "tcp", "udp"] as const;
const UNIX = 3;
const UNIX_LENGTH = 108;

/** The vector with a checksum of the header, and its length. */
const CRC32C = { type: 0x03, length: 4 };

/** Whether the bytes may start a header, of which there may be more to come. */
export function mayStartHeader(bytes: Uint8Array): boolean {
  return startsWith(bytes, SIGNATURE) || startsWith(bytes, NAME);
}

/** Reads a header of either version from the start of the bytes. */
export function parseProxyHeader(bytes: Uint8Array): Parsed {
  if (startsWith(bytes, SIGNATURE)) return parseBlock(bytes);
  if (startsWith(bytes, NAME)) return parseLine(bytes);
  return "malformed";
}

/** Whether the bytes start like this, as far as there are any. */
function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, i) => i >= bytes.length || bytes[i] === byte);
}

/** Parses the first version: one line of text. */
function parseLine(bytes: Uint8Array): Parsed {
  const line = bytes.subarray(0, LONGEST_LINE);
  const more = line.length < LONGEST_LINE ? "incomplete" : "malformed";
  // Neither CR nor LF stands alone, wherever the rest is to be ignored.
  const end = line.findIndex((byte) => byte === 0x0d || byte === 0x0a);
  if (end < 0) return more;
  if (line[end] !== 0x0d) return "malformed";
  if (end + 1 === line.length) return more;
  if (line[end + 1] !== 0x0a) return "malformed";
  const length = end + 2;
  const text = String.fromCharCode(...line.subarray(0, end));
  const [, family, source, destination, from, to, ...excess] = text.split(" ");
  if (family === "UNKNOWN") return { length };
  if (to === undefined || excess.length > 0) return "malformed";
  const endpoints = {
    source: parseEndpoint(family, source, from),
    destination: parseEndpoint(family, destination, to),
  };
  return isWhole(endpoints) ? { length, endpoints } : "malformed";
}

function parseEndpoint(
  family: string,
  address: string,
  port: string,
): Address | undefined {
  const ip = parseIp(address);
  if (ip === undefined || family !== (ip.length === 4 ? "TCP4" : "TCP6")) {
    return undefined;
  }
  if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) {
    return undefined;
  }
  return { transport: "tcp", hostname: formatIp(ip), port: Number(port) };
}

function isWhole(
  endpoints: { source?: Address; destination?: Address },
): endpoints is { source: Address; destination: Address } {
  return endpoints.source !== undefined && endpoints.destination !== undefined;
}

/** Parses the second version: binary, with its length in it. */
function parseBlock(bytes: Uint8Array): Parsed {
  if (bytes.length < FIXED_LENGTH) return "incomplete";
  const length = FIXED_LENGTH + 256 * bytes[14] + bytes[15];
  const command = bytes[12];
  const family = bytes[13] >> 4;
  const protocol = bytes[13] & 0x0f;
  if (length > LONGEST_HEADER) return "malformed";
  // LOCAL is a proxy's own connection, as a health check: addresses are ignored.
  if (command !== LOCAL) {
    const known = family < ADDRESS_LENGTHS.length &&
      protocol < PROTOCOLS.length;
    if (command !== PROXY || !known) return "malformed";
  }
  const transport = PROTOCOLS[protocol];
  const hasAddresses = command === PROXY && family > 0 &&
    transport !== undefined;
  const vectors = FIXED_LENGTH + (ADDRESS_LENGTHS[family] ?? 0);
  if (hasAddresses && length < vectors) return "malformed";
  if (bytes.length < length) return "incomplete";
  const header = bytes.subarray(0, length);
  const isSound = checkVectors(header, vectors);
  // Without addresses the block may hold anything; but a checksum that is found
  // has to be right.
  if (isSound === false || hasAddresses && isSound === undefined) {
    return "malformed";
  }
  if (!hasAddresses) return { length };
  return { length, endpoints: endpointsOf(header, family, transport) };
}

function endpointsOf(
  header: Uint8Array,
  family: number,
  transport: "tcp" | "udp",
): { source: Address; destination: Address } {
  const at = (start: number, length: number) =>
    header.subarray(start, start + length);
  const start = FIXED_LENGTH;
  if (family === UNIX) {
    return {
      source: unixAddress(at(start, UNIX_LENGTH)),
      destination: unixAddress(at(start + UNIX_LENGTH, UNIX_LENGTH)),
    };
  }
  const size = family === 1 ? 4 : 16;
  const ports = start + 2 * size;
  const address = (ip: number, port: number): Address => ({
    transport,
    hostname: formatIp(at(ip, size)),
    port: 256 * header[port] + header[port + 1],
  });
  return {
    source: address(start, ports),
    destination: address(start + size, ports + 2),
  };
}

/** A path ends at its first NUL; one that starts with it names no file. */
function unixAddress(bytes: Uint8Array): Address {
  const end = bytes.indexOf(0);
  const path = end < 0 ? bytes : bytes.subarray(0, end);
  return { transport: "unix", path: new TextDecoder().decode(path) };
}

/**
 * Walks the type-length-value vectors behind the addresses. Undefined where
 * they do not fill the header exactly, otherwise whether its checksum is right,
 * or absent.
 */
function checkVectors(header: Uint8Array, start: number): boolean | undefined {
  let checksum: number | undefined;
  let isSound = true;
  while (start < header.length) {
    if (start + 3 > header.length) return undefined;
    const length = 256 * header[start + 1] + header[start + 2];
    if (header[start] === CRC32C.type) {
      isSound &&= checksum === undefined && length === CRC32C.length;
      checksum = start + 3;
    }
    start += 3 + length;
  }
  if (start !== header.length) return undefined;
  return isSound && (checksum === undefined || isIntact(header, checksum));
}

/** Whether the header has its checksum, computed as if zeros stood there. */
function isIntact(header: Uint8Array, at: number): boolean {
  const blank = header.slice();
  blank.fill(0, at, at + CRC32C.length);
  const sum = crc32c(blank);
  const { buffer, byteOffset } = header;
  return new DataView(buffer, byteOffset).getUint32(at) === sum;
}

/** Castagnoli's CRC, RFC 4960 appendix B; `node:zlib` has another one. */
function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc >>> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
  }
  return ~crc >>> 0;
}
