import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Histogram } from "./histogram.ts";
import type { Result, Task } from "./result.ts";
import { cpuTime } from "./usage.ts";

/** Counts what happens, and reads it together with the server's usage. */
export class Tally {
  bytes = 0;
  messages = 0;
  lost = 0;
  memory = 0;
  readonly errors: string[] = [];
  readonly #histogram = new Histogram();

  /** A message came back whole. */
  answered(milliseconds: number): void {
    this.messages++;
    this.#histogram.add(milliseconds);
  }

  fail(error: string): void {
    if (this.errors.length < 5) this.errors.push(error);
  }

  /** Lets the warm-up pass, then measures for the task's duration. */
  async window({ pid, size, warmup, duration }: Task): Promise<Result> {
    await sleep(warmup);
    this.#histogram.clear();
    const { bytes, messages, lost } = this;
    const cpu = process.cpuUsage();
    const server = cpuTime(pid);
    const since = performance.now();
    await sleep(duration);
    const seconds = (performance.now() - since) / 1000;
    const serverCpu = cpuTime(pid) - server;
    const { user, system } = process.cpuUsage(cpu);
    return {
      // Whole messages are few where they are large: bytes are exact.
      messages: (this.bytes - bytes) / size || this.messages - messages,
      bytes: this.bytes - bytes,
      seconds,
      p50: this.#histogram.quantile(0.5),
      p99: this.#histogram.quantile(0.99),
      serverCpu,
      clientCpu: (user + system) / 1e6,
      memory: this.memory,
      lost: this.lost - lost,
      errors: this.errors,
    };
  }
}
