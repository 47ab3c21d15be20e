// What is a PROXY header, to the byte, and what is none.
import { describe, it } from "node:test";
import { parseProxyHeader } from "../../src/net/proxy_protocol/header.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { concat } from "../support/bytes.ts";
import {
  addresses,
  blankSum,
  block,
  bytesOf,
  crc32c,
  type Endpoints,
  line,
  LOCAL,
  path,
  PROXY,
  SIGNATURE,
  summed,
  tcp,
  unix,
  vector,
} from "./headers.ts";

const V4 = addresses([203, 0, 113, 7], [198, 51, 100, 1], 51000, 443);
const FROM_V4: Endpoints = {
  source: tcp("203.0.113.7", 51000),
  destination: tcp("198.51.100.1", 443),
};
const IPV6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, 0, 7];
const V6 = addresses(IPV6, [...IPV6.slice(0, 15), 8], 0, 65535);
const FROM_V6: Endpoints = {
  source: tcp("2001:db8::abcd:7", 0),
  destination: tcp("2001:db8::abcd:8", 65535),
};
const UNIX = addresses(path("/run/a.sock"), path(""));
const FROM_UNIX: Endpoints = {
  source: unix("/run/a.sock"),
  destination: unix(""),
};
const udp = ({ source, destination }: Endpoints) => ({
  source: { ...source, transport: "udp" },
  destination: { ...destination, transport: "udp" },
} as Endpoints);
const FULL = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

/** The addresses that each header names; undefined where it names none. */
const valid: [string, Uint8Array<ArrayBuffer>, Endpoints?][] = [
  [
    "version 1, IPv4",
    line("TCP4", "203.0.113.7", "198.51.100.1", 51000, 443),
    FROM_V4,
  ],
  [
    "version 1, IPv4 at its longest",
    line("TCP4", "255.255.255.255", "255.255.255.255", 65535, 65535),
    {
      source: tcp("255.255.255.255", 65535),
      destination: tcp("255.255.255.255", 65535),
    },
  ],
  [
    "version 1, IPv4 of zeros",
    line("TCP4", "0.0.0.0", "0.0.0.0", 0, 0),
    { source: tcp("0.0.0.0", 0), destination: tcp("0.0.0.0", 0) },
  ],
  [
    "version 1, IPv6",
    line("TCP6", "2001:DB8:0::ABCD:0007", "2001:db8::abcd:8", 0, 65535),
    FROM_V6,
  ],
  [
    "version 1, IPv6 at its longest",
    line("TCP6", FULL, FULL, 65535, 65535),
    { source: tcp(FULL, 65535), destination: tcp(FULL, 65535) },
  ],
  [
    "version 1, IPv4 inside IPv6",
    line("TCP6", "::ffff:192.0.2.1", "::FFFF:C000:202", 1, 2),
    {
      source: tcp("::ffff:192.0.2.1", 1),
      destination: tcp("::ffff:192.0.2.2", 2),
    },
  ],
  ["version 1, UNKNOWN", line("UNKNOWN")],
  ["version 1, UNKNOWN with a space", line("UNKNOWN", "")],
  ["version 1, UNKNOWN at its longest", line("UNKNOWN", "x".repeat(91))],
  [
    "version 1, UNKNOWN with all there is",
    line("UNKNOWN", FULL, FULL, 65535, 65535),
  ],
  ["version 1, UNKNOWN with noise", line("UNKNOWN", " \0\xff PROXY TCP4 ")],
  ["version 2, IPv4", block(PROXY, 0x11, V4), FROM_V4],
  ["version 2, IPv6", block(PROXY, 0x21, V6), FROM_V6],
  ["version 2, Unix", block(PROXY, 0x31, UNIX), FROM_UNIX],
  [
    "version 2, a path of 108 bytes, and an abstract one",
    block(PROXY, 0x31, addresses(path("p".repeat(108)), path("\0abstract"))),
    { source: unix("p".repeat(108)), destination: unix("") },
  ],
  ["version 2, UDP over IPv4", block(PROXY, 0x12, V4), udp(FROM_V4)],
  ["version 2, UDP over IPv6", block(PROXY, 0x22, V6), udp(FROM_V6)],
  ["version 2, Unix datagrams", block(PROXY, 0x32, UNIX), FROM_UNIX],
  [
    "version 2, IPv4 inside IPv6",
    block(
      PROXY,
      0x21,
      addresses(
        [...Array(10).fill(0), 255, 255, 192, 0, 2, 1],
        [...Array(15).fill(0), 1],
        1,
        2,
      ),
    ),
    { source: tcp("::ffff:192.0.2.1", 1), destination: tcp("::1", 2) },
  ],
  [
    "version 2 with vectors, empty ones too",
    block(PROXY, 0x11, V4, vector(4, []), vector(0xee, [1, 2]), vector(5, [3])),
    FROM_V4,
  ],
  [
    "version 2 with a checksum",
    summed(block(PROXY, 0x11, V4, blankSum)),
    FROM_V4,
  ],
  [
    "version 2 with a checksum among others",
    summed(block(PROXY, 0x21, V6, vector(1, [9]), blankSum, vector(4, [])), 3),
    FROM_V6,
  ],
  [
    "version 2 at its longest",
    block(PROXY, 0x11, V4, vector(4, new Uint8Array(16_384 - 31))),
    FROM_V4,
  ],
  ["version 2, LOCAL", block(LOCAL, 0)],
  ["version 2, LOCAL with addresses", block(LOCAL, 0x11, V4)],
  ["version 2, LOCAL of no known family", block(LOCAL, 0xff, V4)],
  ["version 2, LOCAL with noise", block(LOCAL, 0, bytesOf("noise"))],
  ["version 2, LOCAL, too short for a family", block(LOCAL, 0x31, V4)],
  ["version 2, LOCAL with a checksum", summed(block(LOCAL, 0, blankSum))],
  [
    "version 2, LOCAL with addresses and a checksum",
    summed(block(LOCAL, 0x11, V4, blankSum)),
  ],
  ["version 2, UNSPEC", block(PROXY, 0)],
  ["version 2, UNSPEC with noise", block(PROXY, 0, bytesOf("noise"))],
  ["version 2, UNSPEC family of a stream", block(PROXY, 0x01, V4)],
  ["version 2, UNSPEC protocol of IPv4", block(PROXY, 0x10, V4)],
  ["version 2, UNSPEC with a checksum", summed(block(PROXY, 0, blankSum))],
];

const [A, B] = ["192.0.2.1", "192.0.2.2"];
const wrongSum = summed(block(PROXY, 0x11, V4, blankSum));
wrongSum[wrongSum.length - 1] ^= 1;
const wrongLocalSum = summed(block(LOCAL, 0, blankSum));
wrongLocalSum[wrongLocalSum.length - 1] ^= 1;
const wrongSource = summed(block(PROXY, 0x11, V4, blankSum));
wrongSource[16] ^= 1;

const malformed: [string, Uint8Array][] = [
  ["HTTP", bytesOf("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["TLS", Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)],
  ["SSH", bytesOf("SSH-2.0-x\r\n")],
  ["zeros", new Uint8Array(20)],
  ["a line feed", bytesOf("\n")],
  ["CRLF and text", bytesOf("\r\nPROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n")],
  ["a space before", bytesOf(" PROXY UNKNOWN\r\n")],
  ["lower case", bytesOf("proxy unknown\r\n")],
  ["no space", bytesOf("PROXYUNKNOWN\r\n")],
  ["a tab", bytesOf("PROXY\tUNKNOWN\r\n")],
  ["two spaces at first", bytesOf("PROXY  UNKNOWN\r\n")],
  ["nothing more", bytesOf("PROXY \r\n")],
  ["an unknown family", line("TCP5", A, B, 1, 2)],
  ["a family in lower case", line("tcp4", A, B, 1, 2)],
  ["UDP4", line("UDP4", A, B, 1, 2)],
  ["unknown in lower case", line("unknown")],
  ["UNKNOWNS", line("UNKNOWNS")],
  ["UNKNOWN and a tab", line("UNKNOWN\t")],
  ["UNKNOWN, a byte too long", line("UNKNOWN", "x".repeat(92))],
  ["UNKNOWN with a CR inside", line("UNKNOWN", "a\rb")],
  ["UNKNOWN with an LF inside", line("UNKNOWN", "a\nb")],
  ["UNKNOWN with an LF at the end", bytesOf("PROXY UNKNOWN\n")],
  ["UNKNOWN with CR, CR, LF", bytesOf("PROXY UNKNOWN\r\r\n")],
  ["an LF at the end", bytesOf(`PROXY TCP4 ${A} ${B} 1 2\n`)],
  ["a CR at the end, then text", bytesOf(`PROXY TCP4 ${A} ${B} 1 2\rGET`)],
  ["two spaces inside", line("TCP4", A, "", B, 1, 2)],
  ["a space at the end", line("TCP4", A, B, 1, 2, "")],
  ["one word more", line("TCP4", A, B, 1, 2, 3)],
  ["one word less", line("TCP4", A, B, 1)],
  ["no ports", line("TCP4", A, B)],
  ["no addresses", line("TCP4")],
  ["a tab inside", bytesOf(`PROXY TCP4 ${A}\t${B} 1 2\r\n`)],
  ["a NUL inside", bytesOf(`PROXY TCP4 ${A}\0 ${B} 1 2\r\n`)],
  ["IPv6 as TCP4", line("TCP4", "::1", "::1", 1, 2)],
  ["IPv4 as TCP6", line("TCP6", A, B, 1, 2)],
  ["one of each as TCP4", line("TCP4", A, "::1", 1, 2)],
  ["one of each as TCP6", line("TCP6", "::1", A, 1, 2)],
  ["IPv4 inside IPv6 as TCP4", line("TCP4", "::ffff:1.2.3.4", A, 1, 2)],
  ["a zero before a number", line("TCP4", "192.0.02.1", B, 1, 2)],
  ["a number above 255", line("TCP4", A, "192.0.2.256", 1, 2)],
  ["three numbers", line("TCP4", "192.0.2", B, 1, 2)],
  ["five numbers", line("TCP4", "192.0.2.1.1", B, 1, 2)],
  ["a hexadecimal number", line("TCP4", "0xc0.0.2.1", B, 1, 2)],
  ["a sign", line("TCP4", "+192.0.2.1", B, 1, 2)],
  ["a name", line("TCP4", "localhost", B, 1, 2)],
  ["a zone", line("TCP6", "fe80::1%eth0", "::1", 1, 2)],
  ["brackets", line("TCP6", "[::1]", "::1", 1, 2)],
  ["two double colons", line("TCP6", "1::2::3", "::1", 1, 2)],
  ["three colons", line("TCP6", ":::1", "::1", 1, 2)],
  ["seven groups", line("TCP6", "1:2:3:4:5:6:7", "::1", 1, 2)],
  ["nine groups", line("TCP6", "1:2:3:4:5:6:7:8:9", "::1", 1, 2)],
  ["five digits", line("TCP6", "12345::", "::1", 1, 2)],
  ["a digit that is none", line("TCP6", "::g", "::1", 1, 2)],
  ["a colon at the end", line("TCP6", "::1:", "::1", 1, 2)],
  ["a zero before a port", line("TCP4", A, B, "01", 2)],
  ["a port above 65535", line("TCP4", A, B, 1, 65536)],
  ["a port of six digits", line("TCP4", A, B, 100000, 2)],
  ["a port below 0", line("TCP4", A, B, -1, 2)],
  ["a port with a sign", line("TCP4", A, B, "+1", 2)],
  ["a port with an exponent", line("TCP4", A, B, "1e3", 2)],
  ["a port with a point", line("TCP4", A, B, "1.0", 2)],
  ["a hexadecimal port", line("TCP4", A, B, "0x1", 2)],
  ["an empty port", line("TCP4", A, B, "", 2)],
  ["digits of another script", line("TCP4", A, B, "\xb2", 2)],
  ["no end in 107 bytes", bytesOf(`PROXY TCP4 ${"1".repeat(96)}`)],
  ["a CR as the 107th byte", bytesOf(`PROXY UNKNOWN ${"x".repeat(92)}\r`)],
  ["a signature that is not", Uint8Array.of(...SIGNATURE.with(11, 11), 0x21)],
  ["version 1 in binary", block(0x11, 0x11, V4)],
  ["version 3", block(0x31, 0x11, V4)],
  ["version 0", block(0x01, 0x11, V4)],
  ["command 2", block(0x22, 0x11, V4)],
  ["command 15", block(0x2f, 0x11, V4)],
  ["family 4", block(PROXY, 0x41, V4)],
  ["family 15", block(PROXY, 0xf1, V4)],
  ["protocol 3", block(PROXY, 0x13, V4)],
  ["protocol 15", block(PROXY, 0x1f, V4)],
  ["protocol 3 of no family", block(PROXY, 0x03)],
  ["IPv4 without addresses", block(PROXY, 0x11)],
  ["IPv4, a byte short", block(PROXY, 0x11, V4.subarray(1))],
  ["IPv6, a byte short", block(PROXY, 0x21, V6.subarray(1))],
  ["IPv6 with the length of IPv4", block(PROXY, 0x21, V4)],
  ["Unix, a byte short", block(PROXY, 0x31, UNIX.subarray(1))],
  ["one byte of a vector", block(PROXY, 0x11, V4, Uint8Array.of(4))],
  ["two bytes of a vector", block(PROXY, 0x11, V4, Uint8Array.of(4, 0))],
  ["a vector beyond the end", block(PROXY, 0x11, V4, Uint8Array.of(4, 0, 1))],
  [
    "a vector far beyond the end",
    block(PROXY, 0x11, V4, vector(4, [1, 2]), Uint8Array.of(1, 255, 255, 0)),
  ],
  ["a wrong checksum", wrongSum],
  ["a source that its checksum belies", wrongSource],
  ["a wrong checksum of LOCAL", wrongLocalSum],
  ["a checksum of zeros", block(PROXY, 0x11, V4, blankSum)],
  ["a checksum of 3 bytes", block(PROXY, 0x11, V4, vector(3, [0, 0, 0]))],
  ["a checksum of 5 bytes", block(PROXY, 0x11, V4, vector(3, [0, 0, 0, 0, 0]))],
  ["an empty checksum", block(PROXY, 0x11, V4, vector(3, []))],
  ["two checksums", summed(block(PROXY, 0x11, V4, blankSum, blankSum))],
  [
    "a byte longer than the longest",
    block(PROXY, 0x11, V4, vector(4, new Uint8Array(16_384 - 30))),
  ],
  ["65535 bytes announced", Uint8Array.of(...SIGNATURE, PROXY, 0, 255, 255)],
];

function parsed(endpoints: Endpoints | undefined, length: number) {
  return endpoints === undefined ? { length } : { length, endpoints };
}

describe("a valid header is read, whatever follows", () => {
  for (const [name, bytes, endpoints] of valid) {
    it(name, () => {
      const expected = parsed(endpoints, bytes.length);
      assertEquals(parseProxyHeader(bytes), expected);
      for (const more of ["\0", "\r\n", "PROXY UNKNOWN\r\n", "x".repeat(999)]) {
        const followed = concat([bytes, bytesOf(more)]);
        assertEquals(parseProxyHeader(followed), expected);
      }
      // As a part of something larger.
      const inside = concat([bytesOf("xyz"), bytes, bytesOf("xyz")]);
      assertEquals(parseProxyHeader(inside.subarray(3)), expected);
    });
    it(`${name}: each part of it is incomplete`, () => {
      for (let end = 0; end < bytes.length; end++) {
        const part = parseProxyHeader(bytes.subarray(0, end));
        assertEquals(part, "incomplete", `${end} of ${bytes.length}`);
      }
    });
  }
});

describe("a malformed header is none, whatever follows", () => {
  for (const [name, bytes] of malformed) {
    it(name, () => {
      assertEquals(parseProxyHeader(bytes), "malformed");
      for (const more of ["\r\n", "\n", "x".repeat(999)]) {
        const followed = concat([bytes, bytesOf(more)]);
        assertEquals(parseProxyHeader(followed), "malformed");
      }
      for (let end = 0; end < bytes.length; end++) {
        const part = parseProxyHeader(bytes.subarray(0, end));
        assert(typeof part === "string", `${end} of ${bytes.length}`);
      }
    });
  }
});

it("the checksum is the one of RFC 4960", () => {
  assertEquals(crc32c(bytesOf("123456789")), 0xe3069283);
});
