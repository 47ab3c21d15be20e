// A Python peer that cuts its connection on demand, over any transport.
import type { Address } from "../../mod.ts";
import { assertEquals } from "./assert.ts";
import { certificates } from "./certificates.ts";
import { type Program, python, start } from "./programs.ts";

/** The kernel resets where `SO_LINGER` is 0, and on Unix where bytes are left. */
const CUTTER = `
import os, ssl
kind, place = args[0], args[1]
def secured(s, server):
    if kind != "TLS":
        return s
    side = ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(side)
    if server:
        context.load_cert_chain(args[4], args[5])
    else:
        context.load_verify_locations(args[3])
    return context.wrap_socket(s, server_side=server,
        **({} if server else {"server_hostname": "localhost"}))
def reach():
    if kind == "Unix":
        s = socket.socket(socket.AF_UNIX)
        # With a timeout a full queue would be an error, not a wait.
        s.settimeout(None)
        s.connect(place)
        return s
    host = "::1" if kind == "TCP/IPv6" else "127.0.0.1"
    return socket.create_connection((host, int(place)))
def cut(s):
    if kind != "Unix":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw = socket.socket(fileno=s.detach())
    raw.close()
`;

/** Runs `script`, which has `reach`, `secured` and `cut` at hand. */
export function startCutter(
  name: string,
  addr: Address,
  script: string,
  count = 1,
): Program {
  const place = addr.transport === "unix" ? addr.path : addr.port;
  const { caFile, certFile, keyFile } = certificates ?? {};
  const files = [caFile, certFile, keyFile].map((file) => file ?? "");
  return start(python(CUTTER + script, name, place, count, ...files));
}

/** Lets a script that waits for a line cut its connections, and waits for it. */
export async function resetNow(peer: Program): Promise<void> {
  peer.process.stdin?.write("\n");
  assertEquals(await peer.line(), "cut");
}
