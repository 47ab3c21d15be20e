import type { Address, UnixListenOptions } from "../socket.ts";
import type { ListenerHandle } from "./adapter.ts";
import { isAbstract, longestPath, unixAddress } from "./address.ts";
import {
  type NativeError,
  socketError,
  toSocketError,
} from "./socket_error.ts";

/** The modules for files; loaded late, for Unix sockets alone need them. */
interface NodeModules {
  fs: typeof import("node:fs");
  path: typeof import("node:path");
  process: {
    cwd(): string;
    on(event: "exit", listener: () => void): unknown;
  };
}

/** What a runtime provides for a Unix socket. */
export interface SocketFileRuntime {
  /** Binds a socket at the path and listens. */
  listen(path: string): ListenerHandle | Promise<ListenerHandle>;
  /** Whether a process has the socket at the path open; true when in doubt. */
  isOpen(path: string): Promise<boolean>;
  /** Whether this path, too, may be used without asking; by default, it may. */
  mayUse?(path: string): boolean;
}

/**
 * Makes a socket file with its mode; removes it, and no other, at the end. An
 * abstract name has no file.
 */
export async function listenOnSocketFile(
  options: UnixListenOptions,
  runtime: SocketFileRuntime,
): Promise<ListenerHandle> {
  if (isAbstract(options.path)) return await runtime.listen(options.path);
  const [fs, path, { default: process }] = await Promise.all([
    import("node:fs"),
    import("node:path"),
    import("node:process"),
  ]);
  const file = new SocketFile(options, runtime, { fs, path, process });
  return await file.listenAside() ?? await file.listenAtPath();
}

/** Linux's links to the open files of a process. */
const DESCRIPTORS = "/proc/self/fd";

/** The socket files to remove if the process ends with their listeners open. */
const openFiles = new Set<() => void>();
let hasExitListener = false;

/** The file at the path of a Unix socket. */
class SocketFile {
  readonly #options: UnixListenOptions;
  readonly #runtime: SocketFileRuntime;
  readonly #node: NodeModules;
  /** The absolute path: a later `chdir` must not make it another file. */
  readonly #full: string;
  readonly #address: Address;

  constructor(
    options: UnixListenOptions,
    runtime: SocketFileRuntime,
    node: NodeModules,
  ) {
    this.#options = options;
    this.#runtime = runtime;
    this.#node = node;
    // Not resolved: where `a` is a link, `a/../x` is no file beside it.
    this.#full = node.path.isAbsolute(options.path)
      ? options.path
      : `${node.process.cwd()}/${options.path}`;
    this.#address = unixAddress(options.path);
  }

  /**
   * Binds in a folder that only this user may enter, and links the socket to
   * its path. So no client gets in before the mode is set, a link replaces
   * nothing, and the file that a runtime removes at close is gone by then.
   *
   * @returns The listener; undefined if no such folder or link can be made.
   */
  async listenAside(): Promise<ListenerHandle | undefined> {
    const folder = this.#makeFolder();
    if (folder === undefined) return undefined;
    const socket = `${folder}/s`;
    let handle: ListenerHandle | undefined;
    try {
      handle = await this.#runtime.listen(this.#fit(socket) ?? socket);
      this.#setModeIn(folder, socket);
      const ours = this.#identify(socket);
      if (await this.#publish(socket)) return this.#wrap(handle, ours);
      await handle.close();
    } catch (error) {
      await handle?.close();
      throw error;
    } finally {
      this.#removeFolder(folder, socket);
    }
  }

  /** Binds at the path itself, where the runtime removes any file at close. */
  async listenAtPath(): Promise<ListenerHandle> {
    const path = this.#fit(this.#full) ?? this.#options.path;
    let handle: ListenerHandle;
    try {
      handle = await this.#runtime.listen(path);
    } catch (error) {
      const isTaken = (error as NativeError).code === "EADDRINUSE";
      if (!isTaken || !(await this.#removeStale())) throw error;
      handle = await this.#runtime.listen(path);
    }
    try {
      this.#setMode(this.#full);
      return this.#wrap(handle, this.#identify(this.#full));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Makes a folder beside the path, of a name that leaves room for a socket. */
  #makeFolder(): string | undefined {
    const { mayUse } = this.#runtime;
    for (let tries = 0; tries < 8; tries++) {
      const id = crypto.randomUUID();
      const folder = [
        `${this.#full}.${id.slice(0, 8)}`,
        `${this.#node.path.dirname(this.#full)}/${id.slice(0, 4)}`,
      ].find((folder) => this.#fit(`${folder}/s`) !== undefined);
      if (folder === undefined || mayUse?.(`${folder}/s`) === false) return;
      try {
        this.#node.fs.mkdirSync(folder, { mode: 0o700 });
      } catch (error) {
        // Whatever else is in the way, binding at the path itself reports.
        if ((error as NativeError).code === "EEXIST") continue;
        return;
      }
      // The umask may have kept us out; the bits of a shared group stay.
      const { mode } = this.#node.fs.statSync(folder);
      if ((mode & 0o700) !== 0o700) {
        this.#node.fs.chmodSync(folder, mode & 0o7777 | 0o700);
      }
      return folder;
    }
  }

  #removeFolder(folder: string, socket: string): void {
    try {
      this.#node.fs.unlinkSync(socket);
    } catch {
      // The runtime removed it already, or could not bind.
    }
    try {
      this.#node.fs.rmdirSync(folder);
    } catch {
      // It stays, empty or in use by another process, and does no harm.
    }
  }

  /** Links the socket to the path; false where no link can be made. */
  async #publish(socket: string): Promise<boolean> {
    const link = () => this.#link(socket, this.#full);
    let code = link();
    const aside = `${socket}-old`;
    if (code === "EEXIST" && await this.#removeStale(aside)) code = link();
    if (code !== "EEXIST") return code === undefined;
    throw socketError("EADDRINUSE", {
      syscall: "listen",
      address: this.#address,
    });
  }

  /** Links a file to a path; returns the code of the error, if any. */
  #link(file: string, path: string): string | undefined {
    try {
      this.#node.fs.linkSync(file, path);
    } catch (error) {
      return (error as NativeError).code ?? "EPERM";
    }
  }

  /**
   * Removes a socket that no process has open, if the options say so. Another
   * server may do the same at once, and have its own socket there already.
   *
   * @param aside Where to move it first; by default it is removed at its path.
   * @returns Whether the path may be free now.
   */
  async #removeStale(aside?: string): Promise<boolean> {
    if (!this.#options.removeStale) return false;
    const found = this.#look(this.#full);
    if (found === undefined) return true;
    const path = this.#fit(this.#full) ?? this.#options.path;
    if (!found.isSocket() || await this.#runtime.isOpen(path)) return false;
    const now = this.#look(this.#full);
    // An inode may be used again, but not with the old time.
    if (now?.ino !== found.ino || now.ctimeNs !== found.ctimeNs) {
      return now === undefined;
    }
    if (aside === undefined) this.#unlink(this.#full);
    return aside === undefined || this.#takeAway(found.ino, aside);
  }

  /** Removes the file of this inode; any other one is put back. */
  #takeAway(ino: bigint, aside: string): boolean {
    const { fs } = this.#node;
    try {
      fs.renameSync(this.#full, aside);
    } catch (error) {
      if ((error as NativeError).code === "ENOENT") return true;
      throw error;
    }
    const isStale = this.#look(aside)?.ino === ino;
    // If the path is taken again, another's file stays where it is now.
    const isDone = isStale || this.#link(aside, this.#full) === undefined;
    if (isDone) this.#unlink(aside);
    return isStale;
  }

  /**
   * Sets the mode of the socket in our folder. Where others may rename that
   * folder and put their own in its place, its path could lead to any file, so
   * on Linux its descriptor does.
   */
  #setModeIn(folder: string, socket: string): void {
    if (this.#options.mode === undefined) return;
    const { fs } = this.#node;
    const mayUse = this.#runtime.mayUse?.(DESCRIPTORS) !== false;
    if (!mayUse || !fs.existsSync(DESCRIPTORS)) return this.#setMode(socket);
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    const fd = fs.openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const { uid, mode } = fs.fstatSync(fd);
      const isOurs = uid === fs.statSync(DESCRIPTORS).uid;
      if (!isOurs || (mode & 0o077) !== 0) {
        throw socketError("EADDRINUSE", {
          syscall: "listen",
          address: this.#address,
        });
      }
      this.#setMode(`${DESCRIPTORS}/${fd}/s`);
    } finally {
      fs.closeSync(fd);
    }
  }

  #setMode(path: string): void {
    const { mode } = this.#options;
    if (mode !== undefined) this.#node.fs.chmodSync(path, mode);
  }

  #wrap(handle: ListenerHandle, ours: string | undefined): ListenerHandle {
    const remove = () => {
      // While the socket is open, no other file can have its inode.
      if (this.#identify(this.#full) === ours) {
        this.#unlink(this.#full);
      }
    };
    this.#removeAtExit(remove);
    return {
      addr: handle.addr,
      acceptStart: () => handle.acceptStart?.(),
      close: async () => {
        openFiles.delete(remove);
        try {
          try {
            remove();
          } finally {
            await handle.close();
          }
        } catch (error) {
          throw toSocketError(error, {
            syscall: "close",
            address: this.#address,
          });
        }
      },
    };
  }

  #removeAtExit(remove: () => void): void {
    openFiles.add(remove);
    if (hasExitListener) return;
    hasExitListener = true;
    this.#node.process.on("exit", () => {
      for (const remove of openFiles) {
        try {
          remove();
        } catch {
          // The process ends, and its exit status is not ours to change.
        }
      }
    });
  }

  /** Identifies the file at a path; undefined if there is none. */
  #identify(path: string): string | undefined {
    const file = this.#look(path);
    return file && `${file.dev}:${file.ino}`;
  }

  #unlink(path: string): void {
    try {
      this.#node.fs.unlinkSync(path);
    } catch (error) {
      // Another process removed it just now.
      if ((error as NativeError).code !== "ENOENT") throw error;
    }
  }

  #look(path: string) {
    try {
      return this.#node.fs.lstatSync(path, { bigint: true });
    } catch (error) {
      const { code } = error as NativeError;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw error;
    }
  }

  /** The path as it fits into an address: absolute, or relative for now. */
  #fit(path: string): string | undefined {
    const fits = (path: string) =>
      new TextEncoder().encode(path).length <= longestPath();
    if (fits(path)) return path;
    const here = `${this.#node.process.cwd()}/`;
    const relative = path.startsWith(here) && path.slice(here.length);
    return relative && fits(relative) ? relative : undefined;
  }
}
