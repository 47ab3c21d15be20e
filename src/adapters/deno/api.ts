import type { Address, NetAddress } from "../../socket.ts";

/** The parts of Deno that are used here. */
export interface DenoRuntime {
  listen(options: object): DenoListener;
  /** Present only with `--unstable-net`. */
  listenDatagram?(options: object): DenoUdpSocket;
  connect(options: object): Promise<DenoSocket>;
  memoryUsage(): { rss: number };
  permissions: {
    querySync(descriptor: DenoPermission): { state: string };
  };
  stderr: {
    /** Takes what fits. */
    write(data: Uint8Array): Promise<number>;
  };
}

/** What `Deno.permissions` is asked for. */
export type DenoPermission =
  | { name: "net"; host: string }
  | { name: "sys"; kind: "networkInterfaces" | "ca" }
  | { name: "read" | "write"; path: string };

/** A `Deno.Listener`. */
export interface DenoListener {
  readonly addr: Address;
  accept(): Promise<DenoSocket>;
  close(): void;
}

/** A `Deno.Conn`. */
export interface DenoSocket {
  readonly localAddr: Address;
  readonly remoteAddr: Address;
  /** Takes no signal; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Takes what fits. */
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  /** Absent from Unix sockets. */
  setNoDelay?(): void;
  setKeepAlive?(): void;
}

/** What a `Deno.DatagramConn` has joined. */
export interface DenoMembership {
  leave(): Promise<void>;
}

/** A `Deno.DatagramConn`. */
export interface DenoUdpSocket {
  readonly addr: NetAddress<"udp">;
  receive(into: Uint8Array<ArrayBuffer>): Promise<
    [data: Uint8Array<ArrayBuffer>, from: NetAddress<"udp">]
  >;
  send(
    data: Uint8Array,
    to: { hostname: string; port: number },
  ): Promise<number>;
  joinMulticastV4(
    group: string,
    interfaceAddress: string,
  ): Promise<DenoMembership>;
  joinMulticastV6(
    group: string,
    interfaceIndex: number,
  ): Promise<DenoMembership>;
  close(): void;
}

/** Deno; undefined on other runtimes. */
export const { Deno } = globalThis as unknown as { Deno: DenoRuntime };

/** Whether Deno grants a permission without asking the user. */
export function isGranted(descriptor: DenoPermission): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
