import type { Address, TcpListenOptions } from "../socket.ts";
import type { KeepAlive } from "./checked_options.ts";
import { KEEP_ALIVE } from "./option_keys.ts";
import { ownOptions } from "./own_options.ts";
import { socketError } from "./socket_error.ts";
import { endpointOf } from "./address.ts";
import { checkBooleans, checkInteger } from "./validate_values.ts";

/** The most milliseconds that the kernel takes, which counts in seconds. */
const MAX_TIME = 32_767_000;

/** Checks the option `keepAlive` of `listen` and `connect`. */
export function checkKeepAlive(
  keepAlive: TcpListenOptions["keepAlive"],
): KeepAlive {
  if (typeof keepAlive !== "object") {
    checkBooleans({ keepAlive }, ["keepAlive"]);
    return { keepAlive, keepAliveDelay: 0 };
  }
  const { initialDelay, interval, count } = ownOptions(
    "keepAlive",
    keepAlive,
    KEEP_ALIVE,
  );
  // Nearly a second is none.
  checkInteger("keepAlive.initialDelay", initialDelay, 1000, MAX_TIME);
  if (interval !== undefined) {
    checkInteger("keepAlive.interval", interval, 1000, MAX_TIME);
  }
  if (count !== undefined) checkInteger("keepAlive.count", count, 1, 127);
  const checked = { keepAlive: true, keepAliveDelay: initialDelay };
  return interval === undefined && count === undefined
    ? checked
    : { ...checked, keepAliveProbes: { interval, count } };
}

/** Refuses the times of further probes, for a runtime that cannot set them. */
export function refuseProbes(
  syscall: "listen" | "connect",
  options: Address & KeepAlive,
): void {
  if (options.keepAliveProbes === undefined) return;
  const remedy = "leave out keepAlive.interval and keepAlive.count, " +
    "which only Node.js sets";
  const call = { syscall, address: endpointOf(options) };
  throw socketError("ENOTSUP", call, undefined, remedy);
}
