import type { BunAddress } from "../bun.ts";

/** What the client is asked to do; the runner passes it as JSON. */
export interface Task {
  mode:
    | "echo"
    | "stream"
    | "cycles"
    | "idle"
    | "datagrams"
    | "feed"
    | "burst"
    | "stall";
  where: BunAddress;
  /** The server's process, whose processor time and memory are read. */
  pid: number;
  connections: number;
  /** Bytes of a message. */
  size: number;
  /** Datagrams in flight on each socket. */
  inFlight: number;
  /** Milliseconds before and in the measured window. */
  warmup: number;
  duration: number;
}

/** What the client reports, as one line of JSON. */
export interface Result {
  /** Messages, or connections, that came back whole in the window. */
  messages: number;
  bytes: number;
  seconds: number;
  /** Microseconds of a round trip. */
  p50: number;
  p99: number;
  /** Seconds of processor time in the window. */
  serverCpu: number;
  clientCpu: number;
  /** What the server's memory grew by while connections were held. */
  memory: number;
  /** Datagrams that had to be sent again. */
  lost: number;
  /** What went wrong, the first few of it. */
  errors: string[];
}
