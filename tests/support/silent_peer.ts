// A peer that never answers: the queue of its listener is full.
import { type Program, python, start } from "./programs.ts";

const script = `
listener = socket.socket()
listener.bind((args[0], 0))
listener.listen(0)
queued = []
for _ in range(4):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
    queued.append(client)
# The kernel has taken as many as it will.
queued[0].settimeout(20)
queued[0].send(b"x")
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
`;

/** Starts one; its port is `port`. */
export async function silentPeer(
  hostname = "127.0.0.1",
): Promise<{ port: number } & AsyncDisposable> {
  const program: Program = start(python(script, hostname));
  const port = Number(await program.line());
  return {
    port,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
