// The recipes of examples/deploy, as they are: checked by the programs that
// they are for where those are installed, and their command lines run.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, SocketError } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import {
  freePort,
  options as bounded,
  ready,
  signal,
} from "../support/examples.ts";
import { cli } from "../support/cli.ts";
import { folder } from "../support/folder.ts";
import { serveJsr } from "../support/jsr.ts";
import { noPosix } from "../support/platform.ts";
import { deno, output, start } from "../support/programs.ts";
import {
  answers,
  directives,
  file,
  here,
  imageOf,
  read,
  root,
  stages,
  yaml,
} from "./deploy.ts";

const options = { ...bounded, skip: noPosix() };

/** What the servers give their clients after a SIGTERM, in seconds. */
const GRACE = 5;

/**
 * Asserts that it serves, with metrics if asked for, and how it ends at SIGTERM
 * with an idle client.
 */
async function assertServes(command: string[], seconds: number): Promise<void> {
  await using server = start(command);
  await using conn = await connect({ port: await ready(server) });
  await answers(conn);
  if (command.includes("--metrics")) await scrape(await server.line());
  const started = performance.now();
  signal(server, "SIGTERM");
  assertEquals(await conn.recv(), null);
  const { status, stderr } = await server.ended;
  assertEquals(status, 0, stderr);
  const took = (performance.now() - started) / 1000;
  assert(took > GRACE - 1 && took < seconds, `It took ${took} s`);
}

/** Reads the metrics at the address in a line of the server. */
async function scrape(line: string): Promise<string> {
  const response = await fetch(line.replace("metrics on ", ""));
  const body = await response.text();
  assert(body.includes("\nparley_connections_active "), `${line}: ${body}`);
  return body;
}

it("the recipes name the version that deno.json has", () => {
  const { version } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const names: [string, string][] = [
    ["echo.service", `jsr:@parley/echo@${version}/cli `],
    ["echo.service", `deno cache jsr:@parley/echo@${version}/cli\n`],
    ["echo.service", `npx jsr add @parley/echo@${version}\``],
    ["kubernetes.yaml", `/echo:${version}\n`],
  ];
  for (const [file, name] of names) assert(read(file).includes(name), name);
});

describe("echo.service", () => {
  const unit = read("echo.service");
  // Its programs may be elsewhere, and systemd looks whether they are there.
  const program = join(folder, "program");
  writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 });
  const path = join(folder, "echo.service");
  writeFileSync(path, unit.replace(/^ExecStart=\S+/m, `ExecStart=${program}`));

  const { stdout } = spawnSync("systemd-analyze", ["--help"]);
  const reason = String(stdout).includes("--offline")
    ? false
    : "There is no systemd-analyze of version 250 or above";
  if (reason) console.log(`Skipped: ${reason}`);
  const analyzed = { ...bounded, skip: reason };

  it("is what systemd expects", analyzed, async () => {
    const verify = ["--man=no", "--recursive-errors=no", "verify", path];
    await using program = start(["systemd-analyze", ...verify]);
    assertEquals(await program.ended, { stdout: "", stderr: "", status: 0 });
  });

  it("is little exposed", analyzed, async () => {
    const review = ["security", "--offline=true", "--threshold=25", path];
    await output(["systemd-analyze", ...review]);
  });

  it("what it installs serves alone, and ends in time", options, async () => {
    const seconds = Number(directives(unit, "TimeoutStopSec")[0]);
    const [, install] = /^# +sudo DENO_DIR=\S+ deno (.+)$/m.exec(unit) ?? [];
    const [command] = directives(unit, "ExecStart");
    const home = mkdtempSync(join(folder, "installed-"));
    const jsr = await serveJsr();
    const on = ["env", `DENO_DIR=${home}`, `JSR_URL=${jsr.url}`];
    const [program] = deno.command;
    await output([...on, program, ...install.split(" ")]);
    // From here on it has no network.
    await jsr[Symbol.asyncDispose]();
    const local = await atFreePorts(command);
    await assertServes([...on, ...here(root, local, 0)], seconds);
  });

  it("its other commands serve, and end in time", options, async () => {
    const seconds = Number(directives(unit, "TimeoutStopSec")[0]);
    const commands = directives(unit, "#ExecStart");
    assertEquals(commands.length, 2);
    await Promise.all(commands.map(async (command) => {
      const local = await atFreePorts(
        command.replace("/opt/echo/node_modules/@parley/echo/src/cli.js", cli),
      );
      await assertServes(here(root, local, 0), seconds);
    }));
  });
});

/** A command line of the unit, on loopback, with free ports for its own. */
async function atFreePorts(command: string): Promise<string[]> {
  const [port, metrics] = [await freePort(), await freePort()];
  return command.replaceAll("0.0.0.0", "127.0.0.1")
    .replace("127.0.0.1:7,", `127.0.0.1:${port},`)
    .replace("--port 7 ", `--port ${port} `)
    .replaceAll("9464", `${metrics}`)
    .split(" ");
}

describe("Containerfile", () => {
  const images = stages(read("Containerfile"));

  it("has the runtimes that are tested", () => {
    const tested = readFileSync(join(root, ".tool-versions"), "utf8");
    for (const name of ["deno", "bun"]) {
      const version = new RegExp(`${name} (.+)`).exec(tested)?.[1];
      const pin = `ARG ${name.toUpperCase()}_VERSION=${version}\n`;
      assert(read("Containerfile").includes(pin), pin);
    }
  });

  it("has an image for each runtime, that of Deno by default", () => {
    assertEquals(images.map(({ name }) => name), ["bun", "deno"]);
    for (const { user, port, cmd } of images) {
      assert(/^[1-9]\d*:[1-9]\d*$/.test(user), `${user} may be root`);
      assertEquals(cmd.at(-1), port);
    }
  });

  it("they serve, and end in time", options, async () => {
    await Promise.all(images.map(async (image) => {
      const command = [...image.entrypoint, ...image.cmd];
      // `docker stop` waits ten seconds.
      await assertServes(here(imageOf(image), command, 0), 10);
    }));
  });

  for (const image of images) {
    it(`that of ${image.name} knows its health`, options, async () => {
      const { entrypoint, cmd, healthcheck } = image;
      const folder = imageOf(image);
      await using server = start(here(folder, [...entrypoint, ...cmd], 0));
      const port = await ready(server);
      await output(here(folder, healthcheck, port));
      signal(server, "SIGTERM");
      await server.ended;
      await using check = start(here(folder, healthcheck, port));
      assertEquals((await check.ended).status, 1);
    });
  }
});

/** The parts of kubernetes.yaml that are used here. */
interface Probe {
  tcpSocket: { port: string };
}

interface Container {
  args: string[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: Probe;
  lifecycle: { preStop: { sleep: { seconds: number } } };
}

interface Selector {
  matchLabels: unknown;
}

type Manifest = [
  {
    spec: {
      replicas: number;
      selector: Selector;
      template: {
        metadata: { labels: unknown; annotations: Record<string, string> };
        spec: {
          topologySpreadConstraints: { labelSelector: Selector }[];
          terminationGracePeriodSeconds: number;
          containers: Container[];
        };
      };
    };
  },
  { kind: string; spec: { maxUnavailable: number; selector: Selector } },
  { spec: { selector: unknown; ports: { targetPort: string }[] } },
];

/** What the kubelet does with a `tcpSocket`: it connects, and closes. */
async function probe(port: number): Promise<void> {
  await (await connect({ port, timeout: 1000 })).close();
}

describe("kubernetes.yaml", () => {
  const manifest = yaml(file("kubernetes.yaml")) as Promise<Manifest>;
  const pod = manifest.then(([{ spec }]) => spec.template.spec);
  const images = stages(read("Containerfile"));

  const installed = spawnSync("kubeconform", ["-v"]).status === 0;
  if (!installed) console.log("Skipped: kubeconform is not installed");

  it("is what Kubernetes expects", {
    ...bounded,
    skip: installed ? false : "kubeconform is not installed",
  }, async () => {
    const path = file("kubernetes.yaml");
    await using program = start(["kubeconform", "-strict", path]);
    const { stdout, stderr, status } = await program.ended;
    if (/failed downloading schema/.test(stdout)) {
      return console.log("Skipped: kubeconform cannot download the schemas");
    }
    assertEquals([stdout, stderr, status], ["", "", 0]);
  });

  it("names the same labels and ports everywhere", options, async () => {
    const [{ spec: { selector, template } }, budget, service] = await manifest;
    const { labels, annotations } = template.metadata;
    assertEquals(selector.matchLabels, labels);
    assertEquals(budget.spec.selector, selector);
    assertEquals(service.spec.selector, labels);
    const [spread] = template.spec.topologySpreadConstraints;
    assertEquals(spread.labelSelector, selector);
    const [{ args, ports: [echo, metrics], ...rest }] =
      template.spec.containers;
    for (const { port } of images) {
      assertEquals(String(echo.containerPort), port);
    }
    assert(args.includes(`--port=${echo.containerPort}`), args.join(" "));
    const bound = `--metrics=0.0.0.0:${metrics.containerPort}`;
    assert(args.includes(bound), args.join(" "));
    assertEquals(annotations, {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(metrics.containerPort),
      "prometheus.io/path": "/metrics",
    });
    const named = [
      service.spec.ports[0].targetPort,
      rest.startupProbe.tcpSocket.port,
      rest.readinessProbe.tcpSocket.port,
      rest.livenessProbe.tcpSocket.port,
    ];
    assertEquals(named, [echo.name, echo.name, echo.name, metrics.name]);
  });

  it("leaves a server when nodes are drained", options, async () => {
    const [{ spec: { replicas } }, budget] = await manifest;
    assertEquals(budget.kind, "PodDisruptionBudget");
    assert(replicas > budget.spec.maxUnavailable);
  });

  it("leaves the server its time to end", options, async () => {
    const { terminationGracePeriodSeconds, containers } = await pod;
    const { sleep: { seconds } } = containers[0].lifecycle.preStop;
    assert(terminationGracePeriodSeconds > seconds + GRACE);
  });

  for (const image of images) {
    /** Starts the container's command, with these arguments besides. */
    const serve = async (...more: string[]) => {
      const [{ args }] = (await pod).containers;
      const ours = args.map((arg) => arg.replace(/:9464$/, ":0"));
      const command = [...image.entrypoint, ...ours, ...more];
      const server = start(here(imageOf(image), command, 0));
      const port = await ready(server);
      const line = await server.line();
      return {
        ...server,
        port,
        line,
        metrics: Number(new URL(line.split(" ")[2]).port),
      };
    };

    it(`a full server lives, image ${image.name}`, options, async () => {
      await using server = await serve("--max-connections=1");
      const { port, metrics, line } = server;
      await using only = await connect({ port });
      await answers(only);
      // More than its queue has room for, so that it may be found not ready.
      let ready = 0;
      try {
        for (; ready < 520; ready++) await probe(port);
      } catch (error) {
        // On Deno the kernel does not answer then, the others reset.
        assert(error instanceof SocketError);
        assert(["ETIMEDOUT", "ECONNRESET"].includes(error.code), error.message);
      }
      assert(ready > 500, `${ready}`);
      await probe(metrics);
      await scrape(line);
      await answers(only);
    });

    it(`probes behind PROXY, image ${image.name}`, options, async () => {
      await using server = await serve("--proxy-protocol=127.0.0.2");
      const { port, metrics, line } = server;
      const rejected = /^parley_connections_rejected_total (\d+)$/m;
      await probe(metrics);
      assertEquals(rejected.exec(await scrape(line))?.[1], "0");
      await probe(port);
      while (rejected.exec(await scrape(line))?.[1] !== "1");
    });
  }
});
