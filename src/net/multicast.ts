// Multicast groups and the interfaces to receive them on.
import type { SocketErrorCode } from "../errors.ts";
import { canonicalIp, parseIp } from "../ip.ts";
import type { NetAddress } from "../socket.ts";
import { isWildcard } from "./address.ts";
import type { CheckedBind } from "./checked_options.ts";
import { familyOf } from "./resolve.ts";
import {
  type FailedCall,
  socketError,
  toSocketError,
  withErrorCode,
} from "./socket_error.ts";

/** Joins or leaves. */
export type MulticastVerb = "join" | "leave";

/** A network interface, by the names that the runtimes take for it. */
export interface MulticastInterface {
  /** Its IPv4 address, or for IPv6 its name as a scope: `::%eth0`. */
  address: string;
  /** The system's number for it; 0 if unknown, as for IPv4. */
  index: number;
}

/** The part of `node:dgram` sockets and Bun's that sets options. */
interface OptionsSocket {
  setBroadcast(enable: boolean): unknown;
  setMulticastTTL(ttl: number): unknown;
  setMulticastLoopback(enable: boolean): unknown;
}

/** Sets the options of a bound socket. Deno permits broadcasts anyway. */
export function setDatagramOptions(
  socket: OptionsSocket,
  { multicastTtl, multicastLoopback }: CheckedBind,
): void {
  socket.setBroadcast(true);
  if (multicastTtl !== undefined) socket.setMulticastTTL(multicastTtl);
  if (multicastLoopback !== undefined) {
    socket.setMulticastLoopback(multicastLoopback);
  }
}

/** Throws unless these are a group, and an interface, of the socket's family. */
export function checkGroup(
  own: NetAddress<"udp">,
  group: unknown,
  interfaceAddress: unknown,
): void {
  if (typeof group !== "string" || !isMulticast(group)) {
    throw new TypeError(
      `Invalid group "${group}": expected an address from 224.0.0.0 to 239.255.255.255, or of ff00::/8`,
    );
  }
  checkFamily("group", own, group);
  if (interfaceAddress === undefined) return;
  if (typeof interfaceAddress !== "string" || !isScoped(interfaceAddress)) {
    throw new TypeError(
      `Invalid interfaceAddress "${interfaceAddress}": expected an IP address of the interface`,
    );
  }
  checkFamily("interfaceAddress", own, interfaceAddress);
}

function isMulticast(group: string): boolean {
  const ip = parseIp(group);
  return ip?.length === 4 ? ip[0] >> 4 === 0xe : ip?.[0] === 0xff;
}

/** Whether it is an IP address, for IPv6 also with a scope. */
function isScoped(address: string): boolean {
  const ip = address.includes(":") ? address.split("%", 1)[0] : address;
  return parseIp(ip) !== undefined;
}

function checkFamily(
  name: string,
  { hostname }: NetAddress<"udp">,
  address: string,
): void {
  const family = familyOf(hostname);
  if (familyOf(address) === family) return;
  throw new TypeError(
    `Invalid ${name} "${address}": the socket is bound to ${hostname}, expected IPv${family}`,
  );
}

/**
 * Returns the interface with an address, or ENODEV. For IPv6 the system takes
 * no address, so it is looked up: Node.js and Bun would join on the default
 * interface instead.
 */
export async function findInterface(
  address: string | undefined,
): Promise<MulticastInterface | undefined> {
  if (address === undefined || isWildcard(address)) return undefined;
  if (familyOf(address) === 4) return { address, index: 0 };
  const [ip, scope] = canonicalIp(address).split("%");
  const { networkInterfaces, platform } = await import("node:os");
  for (const [name, known = []] of Object.entries(networkInterfaces())) {
    // The number stands in the link-local address, which every interface has
    // but the loopback one, the first of every system.
    const scopes = known.map((it) => it.family === "IPv6" ? it.scopeid : 0);
    const isLoopback = known.some(({ internal }) => internal);
    const index = scopes.find((id) => id) ?? (isLoopback ? 1 : 0);
    const isFound = scope === undefined
      ? known.some(({ address }) => canonicalIp(address) === ip)
      : scope === name || scope === `${index}`;
    if (!isFound) continue;
    return { address: `::%${platform() === "win32" ? index : name}`, index };
  }
  throw noInterface();
}

/** The error of an interface that does not exist. */
export function noInterface(cause?: unknown): Error {
  return withErrorCode(new Error("No such interface", { cause }), "ENODEV");
}

/** The call that joins or leaves a group, which receives on the socket's port. */
export function multicastCall(
  verb: MulticastVerb,
  group: string,
  port: number,
): FailedCall {
  return {
    syscall: verb === "join" ? "joinMulticast" : "leaveMulticast",
    address: { transport: "udp", hostname: group, port },
  };
}

/** Names what failed to join or leave a group. */
export function multicastError(
  error: unknown,
  call: FailedCall,
  interfaceAddress: string | undefined,
): Error {
  const found = toSocketError(error, call);
  if (call.syscall === "leaveMulticast") {
    return ["EADDRNOTAVAIL", "ENODEV"].includes(found.code)
      ? explained("EADDRNOTAVAIL", "it is not joined on this interface")
      : found;
  }
  switch (found.code) {
    case "EADDRINUSE":
      return explained("EADDRINUSE", "it is joined already");
    case "ENODEV":
    case "EADDRNOTAVAIL": // macOS
      return explained(
        "ENODEV",
        interfaceAddress === undefined
          ? "no interface leads there, give the address of one"
          : `no network interface has the address ${interfaceAddress}`,
      );
  }
  return found;

  function explained(code: SocketErrorCode, text: string): Error {
    return socketError(code, call, error, text);
  }
}
