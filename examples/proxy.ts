// A TCP proxy: two pipes, one for each direction.
import { parseArgs } from "node:util";
import { connect, serve } from "../mod.ts";
import { serverFlags, serverOptions, toNumber } from "../src/cli/flags.ts";
import { exampleHelp } from "../src/cli/help.ts";
import { run } from "../src/cli/program.ts";
import { serveUntilSignal } from "../src/cli/shutdown_signals.ts";
import { log } from "../src/servers/log.ts";

const help = exampleHelp(
  "proxy.ts",
  "Relays each connection to a target, both ways.",
  8000,
  "      --to-hostname HOST            the target [127.0.0.1]",
  "      --to-port PORT                its port [65432]",
);

await run(async () => {
  const { values } = parseArgs({
    options: {
      ...serverFlags("8000"),
      "to-hostname": { type: "string", default: "127.0.0.1" },
      "to-port": { type: "string", default: "65432" },
      // Passes the client's address on, by a PROXY header.
      "send-proxy": { type: "boolean", default: false },
    },
  });
  const to = {
    hostname: values["to-hostname"],
    port: toNumber("to-port", values["to-port"]),
  };
  const options = serverOptions(values);
  if (options.transport === "udp") throw new TypeError("UDP has no pipes");
  // Print every error: without `onError`, a server prints none that a peer can
  // cause, such as a target that is down.
  const onError = (error: unknown) =>
    log(error instanceof Error ? error.message : error);
  const server = await serve({ ...options, onError }, async (client) => {
    const { remoteAddr: source, localAddr: destination } = client;
    const isTcp = source.transport === "tcp" && destination.transport === "tcp";
    const header = values["send-proxy"] && isTcp
      ? { proxyHeader: { version: 2, source, destination } as const }
      : {};
    await using target = await connect({ ...to, ...header });
    try {
      await Promise.all([client.pipeTo(target), target.pipeTo(client)]);
    } catch (error) {
      // The target must not take half a request for the whole; `serve` resets
      // the client when this throws.
      await target.reset();
      throw error;
    }
  });
  await serveUntilSignal(server, values);
}, { help });
