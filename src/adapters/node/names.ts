import { isOutOfDescriptors } from "../../net/descriptors.ts";
import { type Family, resolve, resolveOne } from "../../net/resolve.ts";
import { withErrorCode } from "../../net/socket_error.ts";

/** Resolves a name to its IP addresses. */
export function addressesOf(hostname: string): Promise<string[]> {
  return corrected(resolve(hostname));
}

/** Resolves a name to the one address of a socket that can have only one. */
export function addressOf(hostname: string, family?: Family): Promise<string> {
  return corrected(resolveOne(hostname, family));
}

/** Node finds no name when no descriptor is left. */
async function corrected<T>(found: Promise<T>): Promise<T> {
  try {
    return await found;
  } catch (error) {
    const isHidden = error instanceof Error && await isOutOfDescriptors();
    throw isHidden ? withErrorCode(error, "EMFILE") : error;
  }
}
