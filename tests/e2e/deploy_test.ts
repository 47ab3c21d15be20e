// The recipes of examples/deploy, as they are: checked by the programs that
// they are for where those are installed, and their command lines run.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import {
  freePort,
  options as bounded,
  ready,
  signal,
} from "../support/examples.ts";
import { folder } from "../support/folder.ts";
import { noPosix } from "../support/platform.ts";
import { output, start } from "../support/programs.ts";
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

/** Asserts that it serves, and how it ends at SIGTERM with an idle client. */
async function assertServes(command: string[], seconds: number): Promise<void> {
  await using server = start(command);
  await using conn = await connect({ port: await ready(server) });
  await answers(conn);
  const started = performance.now();
  signal(server, "SIGTERM");
  assertEquals(await conn.recv(), null);
  const { status, stderr } = await server.ended;
  assertEquals(status, 0, stderr);
  const took = (performance.now() - started) / 1000;
  assert(took > GRACE - 1 && took < seconds, `It took ${took} s`);
}

it("the recipes name the version that deno.json has", () => {
  const { version } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const names: [string, string][] = [
    ["echo.service", `jsr:@parley/echo@${version}/cli `],
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

  it("its commands serve, and end in time", options, async () => {
    const seconds = Number(directives(unit, "TimeoutStopSec")[0]);
    const commands = [
      ...directives(unit, "ExecStart"),
      ...directives(unit, "#ExecStart"),
    ];
    assertEquals(commands.length, 2);
    await Promise.all(commands.map(async (command) => {
      const port = await freePort();
      const local = command.replace(
        /(jsr:\S+|\/opt\/echo\/src)\/cli(\.ts)?/,
        "src/cli.ts",
      )
        .replace("0.0.0.0:7", `127.0.0.1:${port}`);
      await assertServes(here(root, local.split(" "), port), seconds);
    }));
  });
});

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
  tcpSocket?: { port: string };
  exec?: { command: string[] };
  timeoutSeconds?: number;
}

interface Container {
  args: string[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: Probe;
  lifecycle: { preStop: { sleep: { seconds: number } } };
}

type Manifest = [
  {
    spec: {
      selector: { matchLabels: unknown };
      template: {
        metadata: { labels: unknown };
        spec: {
          terminationGracePeriodSeconds: number;
          containers: Container[];
        };
      };
    };
  },
  { spec: { selector: unknown; ports: { targetPort: string }[] } },
];

describe("kubernetes.yaml", () => {
  const manifest = yaml(file("kubernetes.yaml")) as Promise<Manifest>;
  const pod = manifest.then(([{ spec }]) => spec.template.spec);
  const [image] = stages(read("Containerfile")).slice(-1);

  it("names the same labels and ports everywhere", options, async () => {
    const [{ spec: { selector, template } }, service] = await manifest;
    const { labels } = template.metadata;
    assertEquals(selector.matchLabels, labels);
    assertEquals(service.spec.selector, labels);
    const [{ args, ports: [{ name, containerPort }], ...rest }] =
      template.spec.containers;
    assertEquals(String(containerPort), image.port);
    assert(args.includes(`--port=${containerPort}`), args.join(" "));
    const named = [
      service.spec.ports[0].targetPort,
      rest.startupProbe.tcpSocket?.port,
      rest.livenessProbe.tcpSocket?.port,
    ];
    assertEquals(named, [name, name, name]);
  });

  it("leaves the server its time to end", options, async () => {
    const { terminationGracePeriodSeconds, containers } = await pod;
    const { sleep: { seconds } } = containers[0].lifecycle.preStop;
    assert(terminationGracePeriodSeconds > seconds + GRACE);
  });

  it("a full server lives, but is not ready", options, async () => {
    const { args, readinessProbe } = (await pod).containers[0];
    const command = readinessProbe.exec?.command ?? [];
    const folder = imageOf(image);
    const full = args.map((arg) => arg.replace(/=8192$/, "=1"));
    const run = [...image.entrypoint, ...full];
    await using server = start(here(folder, run, 0));
    const port = await ready(server);
    const probe = here(folder, command, port);
    await output(probe);
    await using only = await connect({ port });
    await answers(only);
    // The kubelet does not wait for longer.
    const limit = `${readinessProbe.timeoutSeconds}`;
    await using vain = start(["timeout", limit, ...probe]);
    assertEquals((await vain.ended).status, 1);
    await using _live = await connect({ port });
    await answers(only);
    await only.close();
    await _live.close();
    await output(probe);
  });
});
