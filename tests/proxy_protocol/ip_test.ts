// How IP addresses are read, written and found in networks.
import { isIPv4, isIPv6 } from "node:net";
import { describe, it } from "node:test";
import { formatIp, parseIp, parseNetwork } from "../../src/ip.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { dice, randomIpv6 } from "./headers.ts";
import { canonical } from "./reader.ts";
import process from "node:process";

/** Another one for each run; PARLEY_SEED repeats a sequence that failed. */
const SEED = Number(process.env.PARLEY_SEED ?? Date.now() % 1_000_000_000);

function rewritten(text: string): string | undefined {
  const ip = parseIp(text);
  return ip && formatIp(ip);
}

describe("an IP address", () => {
  it("is written in one way, however it came", () => {
    const cases = {
      "127.0.0.1": "127.0.0.1",
      "255.255.255.255": "255.255.255.255",
      "::": "::",
      "::1": "::1",
      "0:0:0:0:0:0:0:0": "::",
      "2001:DB8::00AB": "2001:db8::ab",
      "1:2:3:4:5:6:7:8": "1:2:3:4:5:6:7:8",
      // A single zero is not compressed, of two runs the longer is, then the
      // first.
      "1:2:3:4:5:6:7::": "1:2:3:4:5:6:7:0",
      "::2:3:4:5:6:7:8": "0:2:3:4:5:6:7:8",
      "1:0:0:2:0:0:0:3": "1:0:0:2::3",
      "1:0:0:2:3:0:0:4": "1::2:3:0:0:4",
      "10:0:0:1:0:0:0:2": "10:0:0:1::2",
      "0:0:1::": "0:0:1::",
      "1::0:0:2:0": "1::2:0",
      "::ffff:192.0.2.1": "::ffff:192.0.2.1",
      "::FFFF:c000:201": "::ffff:192.0.2.1",
      "64:ff9b::192.0.2.1": "64:ff9b::c000:201",
    };
    for (const [given, expected] of Object.entries(cases)) {
      assertEquals(rewritten(given), expected, given);
    }
  });

  it("is nothing else", () => {
    const wrong = [
      ...["", " ", ".", ":", "...", "localhost", "1", "1.2.3", "1.2.3.4.5"],
      ...["1.2.3.256", "01.2.3.4", "1.2.3.04", "0x1.2.3.4", "1.2.3.-4"],
      ...["1.2.3.4 ", " 1.2.3.4", "1.2.3.4/32", "+1.2.3.4", "1..3.4"],
      ...["1e1.2.3.4", "١.2.3.4", "1.2.3.0004", "1.2.3.4\n"],
      ...[":::", "1:", ":1", "::1:", ":::1", "1::2::3", "12345::", "g::"],
      ...["1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::"],
      ...["::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "[::1]", "::1%lo", "::1/8"],
      ...["::1.2.3", "::1.2.3.256", "::01.2.3.4", "1.2.3.4::", "::1.2.3.4:5"],
      ...["1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "::-1", "::0x1"],
    ];
    for (const text of wrong) assertEquals(parseIp(text), undefined, text);
  });

  it("is what the platform takes for one", () => {
    const roll = dice(SEED);
    for (let i = 0; i < 20_000; i++) {
      let ip = randomIpv6(roll);
      const note = () => `${ip}, seed ${SEED}`;
      assertEquals(rewritten(ip), canonical(ip), note());
      const at = roll(ip.length);
      const wrong = "0:.f1"[roll(5)].repeat(roll(3));
      ip = ip.slice(0, at) + wrong + ip.slice(at + roll(3));
      const valid = isIPv4(ip) || isIPv6(ip);
      assertEquals(rewritten(ip), valid ? canonical(ip) : undefined, note());
    }
  });
});

describe("a network", () => {
  it("has the addresses that share its first bits", () => {
    const has: Record<string, string[]> = {
      "127.0.0.1": ["127.0.0.1", "::ffff:127.0.0.1"],
      "10.0.0.0/8": ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
      "10.1.2.3/8": ["10.200.0.0"],
      "192.0.2.128/25": ["192.0.2.128", "192.0.2.255"],
      "192.0.2.4/31": ["192.0.2.4", "192.0.2.5"],
      "192.0.2.4/32": ["192.0.2.4"],
      "0.0.0.0/0": ["0.0.0.0", "255.1.2.3", "::ffff:1.2.3.4"],
      "::1": ["::1", "0:0:0:0:0:0:0:1"],
      "fd00::/8": ["fd00::", "fdff:ffff::1"],
      "2001:db8:8000::/33": ["2001:db8:8000::1", "2001:db8:ffff::"],
      "::/0": ["::", "ffff::", "::1"],
      "::ffff:10.0.0.0/104": ["10.1.2.3", "::ffff:10.1.2.3"],
      "::ffff:192.0.2.1": ["192.0.2.1"],
      "::ffff:0:0/96": ["1.2.3.4"],
    };
    for (const [network, hosts] of Object.entries(has)) {
      const contains = parseNetwork(network);
      for (const host of hosts) assert(contains?.(host), `${network} ${host}`);
    }
  });

  it("has no others", () => {
    const hasNot: Record<string, string[]> = {
      "127.0.0.1": ["127.0.0.2", "::1", "::ffff:127.0.0.2", "::127.0.0.1"],
      "10.0.0.0/8": ["11.0.0.0", "9.255.255.255", "::ffff:11.1.2.3", "a00::"],
      "192.0.2.128/25": ["192.0.2.127", "192.0.3.128"],
      "192.0.2.4/31": ["192.0.2.3", "192.0.2.6"],
      "0.0.0.0/0": ["::", "::1", "fe80::1", ""],
      "::1": ["::2", "::", "1::1", "0.0.0.1"],
      "fd00::/8": ["fe00::", "fc00::"],
      "2001:db8:8000::/33": ["2001:db8:7fff::1"],
      // To trust all of IPv6 is not to trust IPv4.
      "::/0": ["127.0.0.1", "::ffff:127.0.0.1", "localhost"],
      "::/64": ["::ffff:127.0.0.1"],
    };
    for (const [network, hosts] of Object.entries(hasNot)) {
      const contains = parseNetwork(network);
      for (const host of hosts) {
        assertEquals(contains?.(host), false, `${network} ${host}`);
      }
    }
  });

  it("is written in no other way", () => {
    const wrong = [
      ...["", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1"],
      ...["10.0.0.0/08", "10.0.0.0/8.0", "10.0.0.0/ 8", "10.0.0.0/8/8"],
      ...["10.0.0.0/255.0.0.0", "10/8", "10.0/16", "::/129", "::1/x"],
      ...["localhost", "example.com/24", "*", "10.0.0.*", "[::1]", "unix"],
      ...["10.0.0.0/8,::1", " 10.0.0.0/8", "::1%lo", "fe80::1%lo/64"],
    ];
    for (const text of wrong) assertEquals(parseNetwork(text), undefined, text);
  });
});
