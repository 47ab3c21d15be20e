import { node } from "../support/programs.ts";
import type { BunAddress } from "./bun.ts";
import { compile, type Compiler, python } from "./tools.ts";

/** The transports that rows are measured on. */
export type Transport = "tcp" | "tls" | "unix" | "udp";

/** The files that a transport needs: a certificate, a socket path. */
export interface Files {
  cert: string;
  key: string;
  path: string;
}

/** A server that can be measured. */
export interface Program {
  name: string;
  /** What runs it. */
  runtime: string;
  /** Its command line; rejects where something that it needs is missing. */
  command(
    transport: Transport,
    files: Files,
  ): readonly string[] | Promise<readonly string[]>;
}

const HERE = `${import.meta.dirname}/servers`;
const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
/** How each runtime is called. */
export const RUN = {
  Bun: ["bun"],
  Deno: ["deno", "run", "-A", "--no-lock", "--unstable-net"],
  Node: node.command,
};

export type Runtime = keyof typeof RUN;
export const RUNTIMES: readonly Runtime[] = ["Bun", "Deno", "Node"];

/** This package, by one of its two programs. */
export function ours(
  runtime: Runtime,
  file = "ours_echo.ts",
  ...args: string[]
): Program {
  return {
    name: "ours",
    runtime,
    command: (transport, files) => [
      ...RUN[runtime],
      `${HERE}/${file}`,
      JSON.stringify(oursWhere(transport, files)),
      ...args,
    ],
  };
}

/** Another program by hand, where it is not an echo. */
export function byHand(
  name: string,
  runtime: Runtime,
  file: string,
  ...args: string[]
): Program {
  const command = [
    ...RUN[runtime],
    `${HERE}/${file}`,
    JSON.stringify(LOOPBACK),
    ...args,
  ];
  return { name, runtime, command: () => command };
}

/** `node:tls` on Deno is the faster of its two APIs for large messages. */
export function nodeTls(runtime: Runtime): Program {
  if (runtime === "Bun") return raw(runtime, "tls");
  return {
    name: "node:tls handlers",
    runtime,
    command: (transport, files) => [
      ...RUN[runtime],
      `${HERE}/raw_node.ts`,
      JSON.stringify(flatWhere(transport, files)),
    ],
  };
}

function oursWhere(transport: Transport, files: Files): object {
  const { cert, key, path } = files;
  if (transport === "unix") return { transport, path };
  if (transport === "tls") return { ...LOOPBACK, tls: { cert, key } };
  // All datagrams come from one client, which a loop guard would hold back.
  if (transport === "udp") return { ...LOOPBACK, transport, loopGuard: false };
  return LOOPBACK;
}

/** The runtime's own sockets, for streams and for datagrams. */
const NATIVE = {
  Bun: { stream: "Bun.listen", datagram: "Bun.udpSocket" },
  Deno: { stream: "read/write loop", datagram: "Deno.listenDatagram" },
  Node: { stream: "node:net handlers", datagram: "node:dgram" },
};

const DATAGRAM_SERVERS = {
  Bun: "raw_bun_udp.ts",
  Deno: "raw_deno_udp.ts",
  Node: "node_dgram.mjs",
};

/** The same by hand on the runtime's own sockets. */
export function raw(runtime: Runtime, kind: Transport = "tcp"): Program {
  const stream = `raw_${runtime.toLowerCase()}.ts`;
  const where = runtime === "Bun" ? bunWhere : flatWhere;
  return {
    name: NATIVE[runtime][kind === "udp" ? "datagram" : "stream"],
    runtime,
    command: (transport, files) => [
      ...RUN[runtime],
      `${HERE}/${transport === "udp" ? DATAGRAM_SERVERS[runtime] : stream}`,
      JSON.stringify(where(transport, files)),
    ],
  };
}

function bunWhere(transport: Transport, files: Files): BunAddress {
  const { cert, key, path } = files;
  if (transport === "unix") return { unix: path };
  return transport === "tls" ? { ...LOOPBACK, tls: { cert, key } } : LOOPBACK;
}

function flatWhere(transport: Transport, files: Files): object {
  const { cert, key, path } = files;
  if (transport === "unix") return { transport, path };
  return transport === "tls" ? { ...LOOPBACK, cert, key } : LOOPBACK;
}

/** What a user might pick instead. */
export const others: readonly Program[] = [
  script("pipeTo of web streams", "Deno", "raw_deno_pipe.ts"),
  script("node:net", "Bun", "node_net.mjs"),
  script("node:net", "Deno", "node_net.mjs"),
  script("node:net", "Node", "node_net.mjs"),
  snakes("asyncio streams"),
  snakes("asyncio streams, uvloop", "uvloop"),
  compiled("io.Copy", "Go", "go", "echo.go"),
  compiled("epoll", "C", "cc", "echo.c"),
];

/** The same for UDP. */
export const otherDatagrams: readonly Program[] = [
  script("node:dgram", "Bun", "node_dgram.mjs"),
  script("node:dgram", "Deno", "node_dgram.mjs"),
];

function script(
  name: string,
  runtime: keyof typeof RUN,
  file: string,
): Program {
  const where = JSON.stringify(LOOPBACK);
  const command = [...RUN[runtime], `${HERE}/${file}`, where];
  return { name, runtime, command: () => command };
}

function snakes(name: string, ...args: string[]): Program {
  return {
    name,
    runtime: "Python",
    command: async () => [
      await python(...args),
      `${HERE}/asyncio_echo.py`,
      ...args,
    ],
  };
}

function compiled(
  name: string,
  runtime: string,
  compiler: Compiler,
  file: string,
): Program {
  return {
    name,
    runtime,
    command: async () => [await compile(compiler, `${HERE}/${file}`)],
  };
}
