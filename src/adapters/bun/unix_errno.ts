// The errno of a Unix `connect`, asked of the C library: Bun reports every one
// as ECONNREFUSED. https://github.com/oven-sh/bun/pull/39579
import { isAbstract } from "../../net/address.ts";

/** The functions of the C library, by `bun:ffi`. */
interface LibC {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  /** Where the last error is, by the name that the system gives this function. */
  __errno_location?(): number;
  __error?(): number;
}

/** The parts of `bun:ffi` that are used here. */
interface BunFfi {
  dlopen(library: string, functions: object): { symbols: LibC };
  read: { i32(pointer: number, offset: number): number };
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;

/** Whether a process has the socket at the path open; true when in doubt. */
export async function isSocketOpen(path: string): Promise<boolean> {
  const { constants } = await import("node:os");
  // A socket of another type, whatever it does, fails with EPROTOTYPE, and a
  // server does not notice.
  const errno = await connectErrno(path, SOCK_DGRAM);
  return errno !== constants.errno.ECONNREFUSED;
}

/** Returns why no stream connects to a path, if Bun hides it. */
export async function connectError(
  path: string,
): Promise<"EAGAIN" | "EPROTOTYPE" | undefined> {
  const { constants: { errno } } = await import("node:os");
  const found = await connectErrno(path, SOCK_STREAM | SOCK_NONBLOCK);
  if (found === errno.EPROTOTYPE) return "EPROTOTYPE";
  // It may have accepted one just now: then the next `connect` succeeds.
  return found === errno.EAGAIN || found === 0 ? "EAGAIN" : undefined;
}

/** Connects and closes; the errno, or undefined where none can be found out. */
async function connectErrno(
  path: string,
  type: number,
): Promise<number | undefined> {
  const { default: process } = await import("node:process");
  const isLinux = process.platform === "linux";
  const name = new TextEncoder().encode(path);
  // The name of a file ends with a NUL, an abstract one with its length.
  const end = isAbstract(path) ? 0 : 1;
  const address = new Uint8Array(2 + name.length + end);
  // BSD systems start with the length.
  address.set(isLinux ? [AF_UNIX, 0] : [address.length, AF_UNIX]);
  address.set(name, 2);
  try {
    const { symbols: libc, read } = openLibC(process, isLinux);
    const errno = libc.__errno_location?.() ?? libc.__error?.() ?? 0;
    const fd = libc.socket(AF_UNIX, type, 0);
    if (fd < 0) return undefined;
    const hasFailed = libc.connect(fd, address, address.length) < 0;
    const code = hasFailed ? read.i32(errno, 0) : 0;
    libc.close(fd);
    return code;
  } catch {
    // There is no `bun:ffi` on this platform, or another C library.
    return undefined;
  }
}

let opened: { symbols: LibC; read: BunFfi["read"] } | undefined;

function openLibC(
  process: { getBuiltinModule(name: string): object | undefined },
  isLinux: boolean,
): NonNullable<typeof opened> {
  if (opened !== undefined) return opened;
  const ffi = process.getBuiltinModule("bun:ffi") as BunFfi;
  // musl, too, answers to this name.
  const library = isLinux ? "libc.so.6" : "libSystem.B.dylib";
  const { symbols } = ffi.dlopen(library, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    connect: { args: ["i32", "buffer", "u32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    [isLinux ? "__errno_location" : "__error"]: { returns: "ptr" },
  });
  return opened = { symbols, read: ffi.read };
}
