// `--metrics`: the counters of a server in Prometheus' text format, over HTTP.
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type DatagramServerStats,
  formatAddress,
  listen,
  type NetAddress,
  type ServerStats,
} from "../../mod.ts";

/** Returns the counters, or `undefined` before the server listens. */
type ReadStats = () => ServerStats | DatagramServerStats | undefined;

/** An HTTP server that has the counters. */
interface MetricsServer {
  url: string;
  /** Closes it and its connections. */
  close(): void;
}

/** Version 0.0.4 of the format, which every Prometheus reads. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Metric = [name: string, type: "counter" | "gauge", help: string];

/** The counters that `stats()` returns, in the order of the page. */
const METRICS: Record<keyof (ServerStats & DatagramServerStats), Metric> = {
  active: ["connections_active", "gauge", "Connections open now."],
  accepted: [
    "connections_accepted_total",
    "counter",
    "Connections that were served.",
  ],
  rejected: [
    "connections_rejected_total",
    "counter",
    "Connections closed before they were served.",
  ],
  received: ["datagrams_received_total", "counter", "Datagrams received."],
  sent: ["datagrams_sent_total", "counter", "Replies sent."],
  withheld: [
    "datagrams_withheld_total",
    "counter",
    "Replies withheld by the loop guard.",
  ],
  dropped: [
    "datagrams_dropped_total",
    "counter",
    "Datagrams dropped because the queue was full.",
  ],
  bytesReceived: ["received_bytes_total", "counter", "Bytes received."],
  bytesSent: ["sent_bytes_total", "counter", "Bytes sent."],
};

/**
 * Serves the counters at `/metrics`, where `--metrics` says; without the flag
 * there is no server. Rejects like `listen`.
 */
export async function serveMetrics(
  flag: string | undefined,
  readStats: ReadStats,
): Promise<MetricsServer | undefined> {
  if (flag === undefined) return undefined;
  const { hostname, port } = await findPort(flag);
  const { createServer } = await import("node:http");
  const server = createServer((request, response) =>
    respond(request, response, readStats())
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, hostname, resolve);
  });
  const addr = formatAddress({ transport: "tcp", hostname, port });
  return {
    url: `http://${addr}/metrics`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * Finds the address to listen on, by a socket of our own that is closed again:
 * its errors have a code and a remedy, where Deno's `node:http` throws a missing
 * permission as an uncaught error.
 */
async function findPort(flag: string): Promise<NetAddress<"tcp">> {
  const listener = await listen(toListenAddress(flag));
  await listener.close();
  return listener.addr;
}

/** Parses `PORT`, `HOST:PORT` and `[IPV6]:PORT`. */
function toListenAddress(text: string): { hostname: string; port: number } {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d+)$/.exec(text);
  if (match === null) {
    throw new TypeError(
      `Invalid --metrics "${text}": expected PORT, HOST:PORT or [IPV6]:PORT`,
    );
  }
  const [, ipv6, hostname = "127.0.0.1", port] = match;
  return { hostname: ipv6 ?? hostname, port: Number(port) };
}

function respond(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  stats: ReturnType<ReadStats>,
): void {
  const send = (status: number, body: string, headers: object = {}) => {
    // Each body is ASCII.
    response.writeHead(status, { ...headers, "content-length": body.length });
    response.end(method === "HEAD" ? undefined : body);
  };
  if (url?.split("?")[0] !== "/metrics") return send(404, "Not found\n");
  if (method !== "GET" && method !== "HEAD") {
    return send(405, "Method not allowed\n", { allow: "GET, HEAD" });
  }
  if (stats === undefined) return send(503, "Not listening yet\n");
  send(200, formatMetrics(stats), { "content-type": CONTENT_TYPE });
}

function formatMetrics(stats: ServerStats | DatagramServerStats): string {
  const values = new Map(Object.entries(stats));
  return Object.entries(METRICS).map(([key, [name, type, help]]) => {
    if (!values.has(key)) return "";
    return `# HELP parley_${name} ${help}\n` +
      `# TYPE parley_${name} ${type}\n` +
      `parley_${name} ${values.get(key)}\n`;
  }).join("");
}
