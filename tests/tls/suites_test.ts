// The suites that both roles agree to: forward secrecy and AEAD, or nothing.
import { connect, listen } from "../../mod.ts";
import { assertEquals, assertRejectsWith } from "../support/assert.ts";
import { output, python, start } from "../support/programs.ts";
import { testTls } from "../support/tls.ts";

const STRONG = "ECDHE-ECDSA-AES128-GCM-SHA256";
const WEAK = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA"];

const CONTEXT = `
import ssl
def context_of(role, suite):
    context = ssl.SSLContext(role)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite + ":@SECLEVEL=0")
    return context
`;

testTls("a listener refuses TLS 1.2 without AEAD", async ({ server }) => {
  await using listener = await listen({ port: 0, tls: server });
  const script = `${CONTEXT}
for suite in args[1:]:
    raw = socket.create_connection(("127.0.0.1", int(args[0])))
    try:
        context_of(ssl.PROTOCOL_TLS_CLIENT, suite).wrap_socket(raw)
        print(suite, "accepted")
    except OSError:
        print(suite, "refused")
`;
  const { port } = listener.addr;
  const answers = await output(python(script, port, STRONG, ...WEAK));
  assertEquals(answers.trimEnd().split("\n"), [
    `${STRONG} accepted`,
    ...WEAK.map((suite) => `${suite} refused`),
  ]);
});

testTls("connect refuses TLS 1.2 without AEAD", async (made) => {
  const script = `${CONTEXT}
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for suite in args[2:]:
    context = context_of(ssl.PROTOCOL_TLS_SERVER, suite)
    context.load_cert_chain(args[0], args[1])
    raw, _ = listener.accept()
    try:
        context.wrap_socket(raw, server_side=True).recv(1)
    except OSError:
        pass
`;
  const suites = [STRONG, ...WEAK];
  await using peer = start(
    python(script, made.certFile, made.keyFile, ...suites),
  );
  const port = Number(await peer.line());
  const tls = { caCerts: [made.ca] };
  await using strong = await connect({ port, tls });
  await strong.close();
  for (let weak = 0; weak < WEAK.length; weak++) {
    await assertRejectsWith("EPROTO", () => connect({ port, tls }));
  }
});
