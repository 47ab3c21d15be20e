import type { AcceptQueue, Adapter } from "../../net/adapter.ts";
import type {
  CheckedConnect,
  CheckedListen,
} from "../../net/checked_options.ts";
import type { SocketConnection } from "../../net/socket_connection.ts";
import { withErrorCode } from "../../net/socket_error.ts";
import { listenOnSocketFile } from "../../net/socket_file.ts";
import { isAddress } from "../../net/validate.ts";
import { Bun } from "./api.ts";
import { connectSocket } from "./connect.ts";
import { BunListener } from "./listener.ts";
import {
  correctBacklogError,
  descriptorLimit,
  isOutOfDescriptors,
} from "./proc.ts";
import { bindUdp } from "./udp.ts";
import { isSocketOpen } from "./unix_errno.ts";

/** The interface on Bun's own sockets. */
export const bun: Adapter = {
  isCurrent: Bun !== undefined,

  async listen(options: CheckedListen, queue: AcceptQueue) {
    const limit = await descriptorLimit();
    try {
      return options.transport === "unix"
        ? await listenOnSocketFile(options, {
          listen: (path) =>
            new BunListener({ ...options, path }, queue, limit, options.path),
          isOpen: isSocketOpen,
        })
        : new BunListener(options, queue, limit);
    } catch (error) {
      throw await correctError(error, options);
    }
  },

  async connect(options: CheckedConnect): Promise<SocketConnection> {
    try {
      return await connectSocket(options);
    } catch (error) {
      throw await correctError(error, options);
    }
  },

  bind: bindUdp,
};

/** Gives an error the code that Bun did not. */
async function correctError(
  error: unknown,
  options: CheckedListen | CheckedConnect,
): Promise<unknown> {
  if (!(error instanceof Error)) return error;
  if (await isOutOfDescriptors(error)) return withErrorCode(error, "EMFILE");
  if (options.transport === "unix") {
    return await correctBacklogError(error, options.path);
  }
  const isName = !isAddress(options.hostname);
  if (!isName || "code" in error) return error;
  return withErrorCode(error, "ENOTFOUND");
}
