import { parseNetwork } from "../../ip.ts";
import type { Address, ProxyProtocolOptions } from "../../socket.ts";
import type { CheckedListen } from "../checked_options.ts";
import { PROXY_PROTOCOL } from "../option_keys.ts";
import { ownOptions } from "../own_options.ts";
import { checkBooleans } from "../validate_values.ts";

/** Checked `proxyProtocol`. */
export interface ProxyPolicy {
  /** Whether a peer may send a header. */
  isTrusted(peer: Address): boolean;
  /** Whether it may also send none. */
  isOptional: boolean;
}

/** Checks `proxyProtocol`; returns nothing without the option. */
export function checkProxyProtocol(
  options: CheckedListen,
): ProxyPolicy | undefined {
  const { proxyProtocol } = options;
  if (proxyProtocol === undefined) return undefined;
  if (options.transport === "unix") {
    if (typeof proxyProtocol !== "boolean") {
      throw new TypeError(
        "Invalid proxyProtocol: expected true, the file's mode says who may " +
          "connect to a Unix socket",
      );
    }
    return proxyProtocol
      ? { isTrusted: () => true, isOptional: false }
      : undefined;
  }
  const trusted = parseNetworks(proxyProtocol);
  const { optional } = typeof proxyProtocol === "object"
    ? ownOptions("proxyProtocol", proxyProtocol, PROXY_PROTOCOL)
    : {};
  checkBooleans({ optional }, ["optional"]);
  return {
    isTrusted: (peer) =>
      peer.transport !== "unix" &&
      trusted.some((contains) => contains(peer.hostname)),
    isOptional: optional === true,
  };
}

function parseNetworks(
  options: boolean | ProxyProtocolOptions,
): ((hostname: string) => boolean)[] {
  const isObject = typeof options === "object" && options !== null &&
    !Array.isArray(options);
  const list: unknown = isObject
    ? ownOptions("proxyProtocol", options, PROXY_PROTOCOL).trustedProxies
    : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(
      "Invalid proxyProtocol: expected { trustedProxies } with at least one " +
        'address or network, as "10.0.0.0/8"',
    );
  }
  return list.map((entry: unknown) => {
    const network = typeof entry === "string" ? parseNetwork(entry) : undefined;
    if (network !== undefined) return network;
    throw new TypeError(
      `Invalid proxyProtocol.trustedProxies "${entry}": expected an IP ` +
        'address or a network, as "10.0.0.0/8"',
    );
  });
}
