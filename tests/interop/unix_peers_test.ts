// Unix sockets with other programs: Python and socat.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, listen, type UnixConnectOptions } from "../../mod.ts";
import { assertEquals, assertSameBytes } from "../support/assert.ts";
import { pattern, recvAll } from "../support/bytes.ts";
import { folder } from "../support/folder.ts";
import { noUnix } from "../support/platform.ts";
import { type Program, python, start } from "../support/programs.ts";
import { pathOf } from "../support/transports.ts";
import { until } from "../support/wait.ts";

const options = { timeout: 30_000, skip: noUnix() };

function at(path: string): UnixConnectOptions & { transport: "unix" } {
  return { transport: "unix", path };
}

const BYTES = pattern(1_000_003);

/** The bytes in a file, for other programs to send. */
function bytesFile(): string {
  const path = join(folder, "bytes");
  writeFileSync(path, BYTES);
  return path;
}

/** Serves one echo to a program that compares by itself, or leaves a file. */
async function echoTo(client: (path: string) => Program): Promise<void> {
  const path = pathOf();
  await using listener = await listen(at(path));
  await using program = client(path);
  await using server = await listener.accept();
  await server.pipeTo(server);
  const { status, stderr } = await program.ended;
  assertEquals(status, 0, stderr);
}

/** Sends, half-closes, and gets the same back. */
async function echoFrom(path: string): Promise<void> {
  await using conn = await connect(at(path));
  const [received] = await Promise.all([
    recvAll(conn),
    conn.send(BYTES).then(() => conn.closeWrite()),
  ]);
  assertSameBytes(received, BYTES);
}

describe("Python", () => {
  it("is served, with a half-close", options, async () => {
    const script = `
data = open(args[1], "rb").read()
s = socket.socket(socket.AF_UNIX)
s.connect(args[0])
def send():
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
received = b"".join(iter(lambda: s.recv(65536), b""))
assert received == data, len(received)
`;
    await echoTo((path) => start(python(script, path, bytesFile())));
  });

  it("is reached, with a half-close", options, async () => {
    const script = `
listener = socket.socket(socket.AF_UNIX)
listener.bind(args[0])
listener.listen()
print("ready", flush=True)
conn, _ = listener.accept()
while data := conn.recv(65536):
    conn.sendall(data)
`;
    const path = pathOf();
    await using server = start(python(script, path));
    await server.line();
    await echoFrom(path);
    assertEquals((await server.ended).status, 0);
  });
});

const noSocat = spawnSync("socat", ["-V"]).status !== 0 && "There is no socat";
if (noSocat) console.log(`${noSocat}, so it is not tested`);

describe("socat", { skip: noSocat }, () => {
  it("is served, with a half-close", options, async () => {
    const back = join(folder, "back");
    const input = bytesFile();
    // Not a shell's pipe: socat half-closes when its input ends.
    const files = `OPEN:${input}!!CREATE:${back}`;
    await echoTo((path) =>
      start(["socat", "-t", "20", files, `UNIX-CONNECT:${path}`])
    );
    assertSameBytes(readFileSync(back), BYTES);
  });

  it("is reached, with a half-close", options, async () => {
    const path = pathOf();
    await using server = start(
      ["socat", "-d", "-d", "-t", "20", `UNIX-LISTEN:${path}`, "EXEC:cat"],
    );
    let said = "";
    server.process.stderr?.on("data", (data) => said += data);
    await until(() => said.includes("listening on"));
    await echoFrom(path);
    assertEquals((await server.ended).status, 0);
  });
});
