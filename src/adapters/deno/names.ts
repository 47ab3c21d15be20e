// Names on Deno, which takes the first of several addresses, whatever its family.
import { type Family, resolveOne, sendingFamily } from "../../net/resolve.ts";
import { type NativeError, withErrorCode } from "../../net/socket_error.ts";
import { isAddress } from "../../net/hostname.ts";
import type { NetAddress } from "../../socket.ts";
import { Deno } from "./api.ts";

/**
 * Returns the address of a name that a socket of this family takes.
 *
 * A permission for a name is none for its addresses. Without one the name
 * itself is returned, so that Deno chooses; so it is without the permission for
 * all ports of the name, which it takes to look one up.
 */
export async function chooseAddress(
  hostname: string,
  port: number,
  family: Family = 0,
): Promise<string> {
  if (isAddress(hostname) || hostname.includes(":")) return hostname;
  if (!isPermitted(hostname)) return hostname;
  const address = await resolveOne(hostname, family);
  const host = address.includes(":") ? `[${address}]` : address;
  return isPermitted(`${host}:${port}`) ? address : hostname;
}

/** Returns the address of a name to which a UDP socket can send. */
export async function chooseAddressFor(
  own: NetAddress<"udp">,
  hostname: string,
  port: number,
): Promise<string> {
  try {
    return await chooseAddress(hostname, port, sendingFamily(own.hostname));
  } catch (error) {
    throw correctError(error);
  }
}

function isPermitted(host: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "net", host });
  return state === "granted";
}

/**
 * Returns the error with EMFILE, if no descriptor is left: Deno then finds no
 * name. Nor can it read the size of its memory, which needs no permission.
 */
export function correctError(error: unknown): unknown {
  const isHidden = error instanceof Error && !isCoded(error);
  return isHidden && Deno.memoryUsage().rss === 0
    ? withErrorCode(error, "EMFILE")
    : error;
}

function isCoded({ code }: NativeError): boolean {
  return code !== undefined && code !== "ENOTFOUND";
}
