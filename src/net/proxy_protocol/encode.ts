import { canonicalIp, formatIp, parseIp } from "../../ip.ts";
import type { NetAddress, ProxyHeaderOptions } from "../../socket.ts";
import { PROXY_HEADER } from "../option_keys.ts";
import { ownOptions } from "../own_options.ts";
import { concat } from "../bytes.ts";
import { checkInteger } from "../validate_values.ts";
import { SIGNATURE } from "./header.ts";

/** Checks `proxyHeader`, and returns the bytes of the header. */
export function encodeProxyHeader(given: ProxyHeaderOptions): Uint8Array {
  const options = ownOptions("proxyHeader", given, PROXY_HEADER);
  const source = encodeIp("source", options.source);
  const destination = encodeIp("destination", options.destination);
  if (source.length !== destination.length) {
    throw new TypeError(
      "Invalid proxyHeader: source and destination are of two IP versions",
    );
  }
  const ports = [options.source.port, options.destination.port];
  const isIpv4 = source.length === 4;
  switch (options.version) {
    case 1: {
      const ips = `${formatIp(source)} ${formatIp(destination)}`;
      const line = `PROXY TCP${isIpv4 ? 4 : 6} ${ips} ${ports.join(" ")}\r\n`;
      return new TextEncoder().encode(line);
    }
    case 2: {
      const length = 2 * source.length + 4;
      const start = [0x21, isIpv4 ? 0x11 : 0x21, 0, length];
      const end = ports.flatMap((port) => [port >> 8, port & 0xff]);
      return concat([
        SIGNATURE,
        Uint8Array.from(start),
        source,
        destination,
        Uint8Array.from(end),
      ]);
    }
  }
  throw new TypeError(
    `Invalid proxyHeader.version ${options.version}: expected 1 or 2`,
  );
}

function encodeIp(name: string, address: NetAddress): Uint8Array {
  const { hostname, port } = Object(address);
  const ip = typeof hostname === "string"
    ? parseIp(canonicalIp(hostname))
    : undefined;
  if (ip === undefined) {
    throw new TypeError(
      `Invalid proxyHeader.${name}: expected an address of TCP`,
    );
  }
  checkInteger(`proxyHeader.${name}.port`, port, 0, 65535);
  return ip;
}
