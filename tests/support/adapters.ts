// The adapters that the contract is tested against.
import { connect, listen } from "../../mod.ts";
import { openOn } from "../../src/open.ts";
import { nodeNet } from "./node_net_adapter.ts";
import { onBun, onDeno } from "./platform.ts";
import {
  type StreamCalls,
  testEachTransport,
  type Transport,
  transport,
  type TransportOptions,
  transportOptions,
} from "./transports.ts";

/** An adapter: its calls, and the transports that it carries. */
export interface AdapterUnderTest extends StreamCalls {
  /** Goes before the name of the transport; empty for the runtime's own. */
  name: string;
  transports: readonly TransportOptions[];
}

export const adapters: AdapterUnderTest[] = [
  { name: "", listen, connect, transports: transportOptions },
];
// Another one is held to the same; by the runtime whose module it is made of.
if (!onDeno && !onBun) {
  adapters.push({
    name: "node:net",
    ...openOn(nodeNet),
    transports: transportOptions.filter(({ name }) => name === "TCP/IPv4"),
  });
}

const everywhere: Transport[] = adapters.flatMap((adapter) =>
  adapter.transports.map((options) => {
    const title = [adapter.name, options.name].filter(Boolean).join(" ");
    return transport(options, adapter, title);
  })
);

/** Tests a behaviour of the contract on every transport of every adapter. */
export function testContract(
  behaviour: string,
  test: (transport: Transport) => Promise<void>,
  where: (transport: Transport) => boolean = () => true,
): void {
  testEachTransport(behaviour, test, everywhere.filter(where));
}
