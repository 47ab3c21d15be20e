// The output of `ping` on a terminal.
import { describe, it } from "node:test";
import { assert, assertEquals } from "../support/assert.ts";
import { parley } from "../support/cli.ts";
import { targetIn } from "../support/ping.ts";
import { options } from "../support/examples.ts";
import { bun, output, python, runtimes, start } from "../support/programs.ts";

/** Runs a program on a terminal, and types ^C after a word of its output. */
const TERMINAL = `
import fcntl, json, os, pty, termios
columns, word, *command = args
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
    os.execvp(command[0], command)
seen = b""
typed = False
while True:
    try:
        data = os.read(fd, 65536)
    except OSError: # The other end is closed, on Linux.
        break
    if not data:
        break
    seen += data
    if word and word.encode() in seen and not typed:
        os.write(fd, b"\\x03")
        typed = True
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps([seen.decode(), status]))
`;

async function onTerminal(
  columns: number,
  word: string,
  command: string[],
): Promise<{ written: string; status: number }> {
  const [written, status] = JSON.parse(
    await output(python(TERMINAL, columns, word, ...command)),
  );
  // `deno run` clears a progress bar that it never printed.
  // deno-lint-ignore no-control-regex
  return { written: written.replaceAll(/\x1b\[\d*[A-Z]/g, ""), status };
}

/** Renders the lines that the screen shows at the end. */
function renderScreen(written: string): string[] {
  const lines: string[][] = [[]];
  let column = 0;
  for (const character of written) {
    const line = lines[lines.length - 1];
    if (character === "\r") column = 0;
    else if (character === "\n") lines.push([]);
    else line[column++] = character;
  }
  return lines.map((line) =>
    Array.from(line, (at) => at ?? " ").join("").trimEnd()
  );
}

const REPLY = /^56 bytes from \S+: seq=(\d+) time=[\d.]+ ms$/;

for (const runtime of runtimes) {
  describe(`ping on ${runtime.name}, on a terminal`, () => {
    const ping = (...args: string[]) => parley(runtime, "ping", ...args);

    it("erases its status line", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-c3", "-i", "0.05");
      const { written, status } = await onTerminal(100, "", command);
      assertEquals(status, 0, written);
      assert(written.includes("\r2 sent, 1 received, 1 waiting"), written);
      const [title, ...lines] = renderScreen(written);
      assert(title.startsWith(`PING ${target} `), title);
      assertEquals(lines.length, 7, lines.join("\n"));
      assertEquals(
        lines.slice(0, 3).map((line) => REPLY.exec(line)?.[1]),
        ["1", "2", "3"],
      );
      assertEquals(lines[3], `--- ${target} ping statistics ---`);
      assert(lines[4].startsWith("3 sent, 3 received, 0% loss"), lines[4]);
      assert(lines[5].startsWith("rtt min/avg/max/p99 = "), lines[5]);
      assertEquals(lines[6], "");
    });

    it("cuts the status line to the width", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-c2", "-i", "0");
      const { written } = await onTerminal(30, "", command);
      const statusLines = written.split(/[\r\n]/).filter((part) =>
        /^\d+ sent, .* waiting/.test(part) || part.trim() === ""
      );
      const longest = Math.max(...statusLines.map(({ length }) => length));
      assertEquals(longest, 29, written);
    });

    it("Ctrl+C ends it with the summary", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-i", "0.05");
      const { written, status } = await onTerminal(100, "seq=3", command);
      assertEquals(status, 0, written);
      const [title, ...lines] = renderScreen(written);
      assert(title.startsWith(`PING ${target} `), title);
      const end = lines.indexOf(`--- ${target} ping statistics ---`);
      assert(end >= 3, lines.join("\n"));
      lines.slice(0, end).forEach((line, i) =>
        assertEquals(REPLY.exec(line)?.[1], `${i + 1}`, line)
      );
      assert(lines[end + 1].includes(" 0% loss"), lines[end + 1]);
    });

    it("--json prints nothing but the document", options, async () => {
      await using server = start(parley(bun, "echo", "--port=0"));
      const [target] = targetIn(await server.line());
      const command = ping(target, "-c2", "-i", "0", "--json");
      const { written } = await onTerminal(80, "", command);
      assertEquals(JSON.parse(written).received, 2);
    });
  });
}
