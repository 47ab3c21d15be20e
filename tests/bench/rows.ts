import type { Result, Task } from "./client/result.ts";
import {
  byHand,
  nodeTls,
  ours,
  type Program,
  type Runtime,
  type Transport,
} from "./programs.ts";

/** What is compared, and which way is better. */
export interface Metric {
  unit: string;
  better: "lower" | "higher";
  /** Whether a client that is too slow would show in it. */
  byClock?: true;
  of(result: Result, row: { connections: number }): number;
}

/** Of the server: it tells more than time does where the client is busier. */
export const CPU_PER_MESSAGE: Metric = {
  unit: "µs CPU",
  better: "lower",
  of: ({ serverCpu, messages }) => serverCpu / messages * 1e6,
};

export const THROUGHPUT: Metric = {
  unit: "MiB/s",
  better: "higher",
  byClock: true,
  of: ({ bytes, seconds }) => bytes / seconds / 2 ** 20,
};

/** By the clock it would be the client's rate: to connect costs more than to
 * accept, so the client's core is full while the server's is half idle. */
const PER_CPU_SECOND: Metric = {
  unit: "/CPU s",
  better: "higher",
  of: ({ serverCpu, messages }) => messages / serverCpu,
};

const BYTES_PER_CPU: Metric = {
  unit: "MiB/CPU s",
  better: "higher",
  of: ({ bytes, serverCpu }) => bytes / serverCpu / 2 ** 20,
};

/** From the first send of a connection to its answer. */
const FIRST_REPLY: Metric = {
  unit: "ms",
  better: "lower",
  of: ({ p50 }) => p50 / 1000,
};

const MEMORY: Metric = {
  unit: "KiB",
  better: "lower",
  of: ({ memory }, { connections }) => memory / 1024 / connections,
};

/** What a result has to reach: by itself, or over the baseline's. */
export interface Target {
  of: "ours" | "ratio";
  value: number;
}

/** One kind of work, measured on each runtime. */
export interface Row {
  /** For `--only`. */
  name: string;
  work: string;
  metric: Metric;
  mode: Task["mode"];
  transport: Transport;
  connections: number;
  size: number;
  /** Milliseconds, where the plan's are too few to compile all that runs. */
  warmup?: number;
  /** Our program, where it is not the echo server. */
  program?: string;
  /** Its arguments. */
  args?: readonly string[];
  /** What it is compared with, where that is not the echo by hand. */
  baseline?: (runtime: Runtime) => Program;
  /** Datagrams in flight on each socket; 1 unless given. */
  inFlight?: number;
  /** Milliseconds of the measured window, where the plan's do not do. */
  duration?: number;
  /** Whether `--quick` measures it. */
  quick: boolean;
  targets: Partial<Record<Runtime, Target>>;
}

function absolute(value: number): Row["targets"] {
  const target: Target = { of: "ours", value };
  return { Bun: target, Deno: target, Node: target };
}

const KIB = 1024;
const MIB = 1024 * KIB;

function ratios(bun: number, deno: number, node: number): Row["targets"] {
  return {
    Bun: { of: "ratio", value: bun },
    Deno: { of: "ratio", value: deno },
    Node: { of: "ratio", value: node },
  };
}

const DEFAULTS = {
  metric: CPU_PER_MESSAGE,
  mode: "echo",
  transport: "tcp",
  connections: 64,
  size: 64,
  quick: false,
  targets: {},
} satisfies Partial<Row>;

/** This one, `LARGE` and `DATAGRAMS` are in the side-by-side tables, too. */
export const SMALL: Row = {
  ...DEFAULTS,
  name: "echo-64x64",
  work: "`echo`, 64 connections × 64 B",
  quick: true,
  targets: ratios(1, 1, 1),
};

export const LARGE: Row = {
  ...DEFAULTS,
  name: "echo-4x1M",
  work: "`echo`, 4 × 1 MiB, throughput",
  metric: THROUGHPUT,
  mode: "stream",
  connections: 4,
  size: MIB,
  quick: true,
  targets: ratios(1, 1.4, 1),
};

export const DATAGRAMS: Row = {
  ...DEFAULTS,
  name: "udp",
  work: "UDP echo, 64 B",
  mode: "datagrams",
  transport: "udp",
  connections: 16,
  warmup: 1500,
  quick: true,
  targets: ratios(0.85, 1, 1.05),
};

export const ROWS: readonly Row[] = [
  SMALL,
  {
    ...DEFAULTS,
    name: "echo-64x16K",
    work: "`echo`, 64 × 16 KiB",
    size: 16 * KIB,
    targets: ratios(1, 1, 1),
  },
  LARGE,
  {
    ...DEFAULTS,
    name: "loop-64x64",
    work: "`recv`/`send` loop, 64 × 64 B",
    program: "ours_loop.ts",
    quick: true,
    targets: ratios(1.05, 1.05, 1.1),
  },
  {
    ...DEFAULTS,
    name: "idle",
    work: "memory of an idle connection, 10,000 held",
    metric: MEMORY,
    mode: "idle",
    connections: 10_000,
    size: 1,
    quick: true,
    targets: {
      Bun: { of: "ours", value: 2.5 },
      Deno: { of: "ours", value: 9 },
      Node: { of: "ours", value: 6 },
    },
  },
  {
    ...DEFAULTS,
    name: "cycles",
    work: "connect + echo + close",
    metric: PER_CPU_SECOND,
    mode: "cycles",
    connections: 16,
    warmup: 1500,
    quick: true,
    targets: ratios(0.95, 0.95, 0.95),
  },
  DATAGRAMS,
  {
    ...DATAGRAMS,
    name: "udp-1x1",
    work: "UDP echo, 64 B, 1 in flight",
    connections: 1,
    quick: false,
  },
  {
    ...DATAGRAMS,
    name: "udp-1x32",
    work: "UDP echo, 64 B, 32 in flight on one socket",
    connections: 1,
    inFlight: 32,
  },
  {
    ...DEFAULTS,
    name: "recv-1024",
    warmup: 700,
    work: "bulk by `recv(1024)` against `recv()`",
    metric: BYTES_PER_CPU,
    mode: "feed",
    connections: 1,
    size: KIB,
    program: "ours_recv.ts",
    args: ["1024"],
    baseline: (runtime) => ({
      ...ours(runtime, "ours_recv.ts"),
      name: "recv()",
    }),
    quick: true,
    targets: ratios(0.7, 0.7, 0.7),
  },
  {
    ...DEFAULTS,
    name: "recv-until",
    warmup: 700,
    work: '`recvUntil("\\n")`, lines of 64 B',
    mode: "feed",
    connections: 1,
    program: "ours_lines.ts",
    baseline: (runtime) => byHand("scanner", runtime, "raw_lines.ts", runtime),
    quick: true,
    targets: ratios(1.15, 1.15, 1.15),
  },
  {
    ...DEFAULTS,
    name: "sends",
    warmup: 700,
    work: "10,000 sends of 64 B at once, each",
    mode: "burst",
    connections: 1,
    program: "ours_sends.ts",
    args: ["10000"],
    baseline: (runtime) =>
      byHand("node:net writes", runtime, "raw_sends.mjs", "10000"),
    quick: true,
    targets: ratios(1, 0.5, 1),
  },
  {
    ...DEFAULTS,
    name: "sends-stalled",
    work: "160,000 sends to a reader that stalls, each",
    mode: "stall",
    connections: 1,
    program: "ours_sends.ts",
    args: ["160000"],
    baseline: (runtime) =>
      byHand("node:net writes", runtime, "raw_sends.mjs", "160000"),
    duration: 300,
    targets: absolute(4),
  },
  {
    ...DEFAULTS,
    name: "tls-first",
    warmup: 1000,
    work: "TLS: first reply after the handshake",
    metric: FIRST_REPLY,
    mode: "cycles",
    transport: "tls",
    connections: 1,
    quick: true,
    targets: absolute(2),
    baseline: nodeTls,
  },
  {
    ...DEFAULTS,
    name: "tls-handshakes",
    work: "TLS: connect + echo + close",
    metric: PER_CPU_SECOND,
    mode: "cycles",
    transport: "tls",
    connections: 16,
    warmup: 1000,
    baseline: nodeTls,
  },
  {
    ...DEFAULTS,
    name: "tls-4x256K",
    work: "`echo` over TLS, 4 × 256 KiB, throughput",
    metric: THROUGHPUT,
    transport: "tls",
    connections: 4,
    size: 256 * KIB,
    targets: ratios(1, 1, 1),
    baseline: nodeTls,
  },
  {
    ...DEFAULTS,
    name: "tls-idle",
    work: "memory of an idle TLS connection, 1,000 held",
    metric: MEMORY,
    mode: "idle",
    transport: "tls",
    connections: 1000,
    size: 1,
  },
  {
    ...DEFAULTS,
    name: "unix-64x64",
    work: "`echo` on a Unix socket, 64 × 64 B",
    transport: "unix",
  },
  {
    ...DEFAULTS,
    name: "tls-64x64",
    work: "`echo` over TLS, 64 × 64 B",
    transport: "tls",
  },
  {
    ...DEFAULTS,
    name: "tls-64x16K",
    baseline: nodeTls,
    work: "`echo` over TLS, 64 × 16 KiB",
    transport: "tls",
    size: 16 * KIB,
  },
  { ...DEFAULTS, name: "echo-1x64", work: "`echo`, 1 × 64 B", connections: 1 },
  {
    ...DEFAULTS,
    name: "echo-1x16K",
    work: "`echo`, 1 × 16 KiB",
    connections: 1,
    size: 16 * KIB,
  },
  {
    ...DEFAULTS,
    name: "echo-1x1M",
    work: "`echo`, 1 × 1 MiB, throughput",
    metric: THROUGHPUT,
    mode: "stream",
    connections: 1,
    size: MIB,
  },
  {
    ...DEFAULTS,
    name: "echo-10x64",
    work: "`echo`, 10 × 64 B",
    connections: 10,
  },
  {
    ...DEFAULTS,
    name: "echo-1000x64",
    work: "`echo`, 1,000 × 64 B",
    connections: 1000,
  },
  {
    ...DEFAULTS,
    name: "echo-10000x64",
    work: "`echo`, 10,000 × 64 B",
    connections: 10_000,
    warmup: 3000,
  },
  {
    ...DEFAULTS,
    name: "echo-1000x16K",
    work: "`echo`, 1,000 × 16 KiB",
    connections: 1000,
    size: 16 * KIB,
  },
];
