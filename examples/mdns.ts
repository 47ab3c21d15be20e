// A multicast DNS responder (RFC 6762): answers with the address of one name.
import { isIPv4 } from "node:net";
import process from "node:process";
import { parseArgs } from "node:util";
import { bind, formatAddress } from "../mod.ts";

const HELP = `Usage: mdns.ts [FLAGS]

Answers queries for a name by an address, by multicast DNS.

      --name NAME     the name [parley.local]
      --address IP    its address [127.0.0.1]
      --interface IP  where to answer, by an IP of the interface [127.0.0.1]
      --port PORT     port [5353]
  -h, --help          this text

Ask it with: dig @224.0.0.251 -p 5353 parley.local`;

const GROUP = "224.0.0.251";
/** DNS numbers: the record of an IPv4 address, the Internet, a set bit. */
const [TYPE_A, CLASS_IN, TOP_BIT] = [1, 1, 0x8000];

/** A query for one name: its question as it was sent. */
interface Query {
  id: number;
  name: string;
  type: number;
  wantsUnicast: boolean;
  question: Uint8Array;
}

/** Reads the first question; nothing if there is none, or only half of it. */
function parseQuery(data: Uint8Array): Query | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const isQuery = data.length > 12 && view.getUint16(2) >> 15 === 0;
  if (!isQuery || view.getUint16(4) === 0) return undefined;
  const labels: string[] = [];
  let at = 12;
  while (at < data.length && data[at] > 0 && data[at] < 64) {
    const label = data.subarray(at + 1, at += 1 + data[at]);
    labels.push(new TextDecoder().decode(label));
  }
  if (at + 5 > data.length || data[at] !== 0) return undefined;
  const name = labels.join(".").toLowerCase();
  const [id, type] = [view.getUint16(0), view.getUint16(at + 1)];
  const wantsUnicast = (view.getUint16(at + 3) & TOP_BIT) !== 0;
  return { id, name, type, wantsUnicast, question: data.slice(12, at + 5) };
}

/** Writes the answer; a plain resolver needs the question and its number. */
function answer(query: Query, address: string, isPlain: boolean): Uint8Array {
  const name = query.question.subarray(0, -4);
  const fixed = new DataView(new ArrayBuffer(14));
  fixed.setUint16(0, TYPE_A);
  // The top bit: the only address of this name. Resolvers would not know it.
  fixed.setUint16(2, isPlain ? CLASS_IN : CLASS_IN | TOP_BIT);
  fixed.setUint32(4, isPlain ? 10 : 120);
  fixed.setUint16(8, 4);
  address.split(".").forEach((part, i) => fixed.setUint8(10 + i, Number(part)));
  const header = new DataView(new ArrayBuffer(12));
  header.setUint16(0, isPlain ? query.id : 0);
  header.setUint16(2, 0x8400);
  header.setUint16(4, isPlain ? 1 : 0);
  header.setUint16(6, 1);
  const parts = [header.buffer, name, fixed.buffer];
  if (isPlain) parts.splice(1, 0, query.question);
  return Uint8Array.from(parts.flatMap((part) => [...new Uint8Array(part)]));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      name: { type: "string", default: "parley.local" },
      address: { type: "string", default: "127.0.0.1" },
      interface: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "5353" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(HELP);
  const { address, interface: hostname } = values;
  if (!isIPv4(address)) throw new TypeError(`Invalid --address "${address}"`);
  const name = values.name.toLowerCase();

  // Other responders share the port. One socket receives from the group; the
  // other is bound to the interface, so that answers leave by it.
  const at = { reuseAddress: true, port: Number(values.port) };
  await using socket = await bind({ ...at, hostname: "0.0.0.0" });
  const { port } = socket.addr;
  await socket.joinMulticast(GROUP, hostname);
  const more = { reuseAddress: true, multicastTtl: 255 };
  await using sender = await bind({ ...more, hostname, port });
  console.log(`answering for ${name} on ${formatAddress(sender.addr)}`);

  for await (const [data, from] of socket) {
    const query = parseQuery(data);
    if (query?.name !== name || query.type !== TYPE_A) continue;
    // A resolver that knows nothing of multicast asks from another port.
    const isPlain = from.port !== port;
    const to = isPlain || query.wantsUnicast ? from : { hostname: GROUP, port };
    await sender.sendTo(answer(query, address, isPlain), to)
      .catch((error) => console.error(error.message));
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
