import type {
  CheckedConnect,
  CheckedListen,
} from "../../net/checked_options.ts";
import { tcpAddress, unixAddress } from "../../net/address.ts";
import type { Address } from "../../socket.ts";
import type { DenoSocket } from "./api.ts";

/** Sets the TCP options of a socket, which is closed if that fails. */
export function setTcpOptions(
  socket: DenoSocket,
  options: CheckedListen | CheckedConnect,
): void {
  if (options.transport !== "tcp") return;
  try {
    socket.setNoDelay?.();
    if (options.keepAlive) socket.setKeepAlive?.();
  } catch (error) {
    // A peer that is gone already, on some systems.
    socket.close();
    throw error;
  }
}

/** Copies an address: Deno's objects have no prototype. */
export function copyAddress(address: Address): Address {
  if (address.transport === "unix") return unixAddress(address.path ?? "");
  return tcpAddress(address.hostname, address.port);
}
