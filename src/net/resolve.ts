// Names and the addresses that they stand for, the same on every runtime.
import { parseIp } from "../ip.ts";
import { withErrorCode } from "./socket_error.ts";

/** IPv4 or IPv6; 0 is either, and IPv4 where there is a choice. */
export type Family = 0 | 4 | 6;

/** What a name consists of: letters, digits, `-`, `_` and dots. */
const NAME = /^[\w.\-\u{80}-\u{10ffff}]+$/u;
/** The IPv6 addresses that take a scope, as in `fe80::1%eth0`. */
const LINK_LOCAL = /^(fe[89ab]|ff[\da-f]2)/i;

/** Returns the family of an IP address. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/**
 * Throws ENOTFOUND for what is neither a name nor an IP address. Bun would
 * take `*` for all addresses, and Node.js throws a `TypeError` for a NUL.
 */
function checkName(hostname: string): void {
  const isValid = hostname.includes(":")
    ? isIpv6(hostname)
    : NAME.test(hostname);
  if (!isValid) throw notFound(hostname);
}

function isIpv6(hostname: string): boolean {
  const [address, ...scope] = hostname.split("%");
  if (parseIp(address) === undefined) return false;
  return scope.length === 0 ||
    (scope.length === 1 && scope[0] !== "" && LINK_LOCAL.test(address));
}

/**
 * Resolves a name to its IP addresses, in the order of the system; an IP
 * address resolves to itself. Rejects with `ENOTFOUND`; on Deno with `EPERM`
 * unless every port of the name is permitted.
 */
export async function resolve(hostname: string): Promise<string[]> {
  checkName(hostname);
  if (hostname.includes(":")) {
    await checkScope(hostname);
    return [hostname];
  }
  if (parseIp(hostname) !== undefined) return [hostname];
  // Imported here, for names alone need it.
  const { lookup } = await import("node:dns/promises");
  try {
    // Without `order` Deno reverses it.
    const found = await lookup(hostname, { all: true, order: "verbatim" });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    if (Reflect.get(Object(error), "code") === "EPERM") throw error;
    // Resolvers have many codes for a name without an address.
    throw notFound(hostname, error);
  }
}

/** Resolves a name to the one address of a socket that can have only one. */
export async function resolveOne(
  hostname: string,
  family: Family = 0,
): Promise<string> {
  const [address] = inFamily(await resolve(hostname), family);
  if (address === undefined) throw notFound(hostname);
  return address;
}

/** Returns the addresses of the family; of both, those of IPv4 first. */
function inFamily(addresses: readonly string[], family: Family): string[] {
  return family === 0
    ? [...inFamily(addresses, 4), ...inFamily(addresses, 6)]
    : addresses.filter((address) => familyOf(address) === family);
}

/**
 * Returns the family to which a UDP socket resolves names. One on all addresses
 * of IPv6 sends to IPv4 as well, where a listener of the same name is.
 */
export function sendingFamily(own: string): Family {
  return own === "::" ? 0 : familyOf(own);
}

/** Bun and Node.js ignore a scope that they do not know. */
async function checkScope(hostname: string): Promise<void> {
  const [, scope] = hostname.split("%");
  if (scope === undefined || /^\d+$/.test(scope)) return;
  const { networkInterfaces } = await import("node:os");
  if (!Object.hasOwn(networkInterfaces(), scope)) throw notFound(hostname);
}

function notFound(hostname: string, cause?: unknown): Error {
  const error = new Error(`No address of "${hostname}"`, { cause });
  return withErrorCode(error, "ENOTFOUND");
}
