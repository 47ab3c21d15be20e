// HAProxy and nginx as servers that take a PROXY header: over HTTP they say
// which addresses it named.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificates } from "./certificates.ts";
import { freePort } from "./examples.ts";
import { type Peer, startPeer } from "./peers.ts";
import { identityFile } from "./tls.ts";

/** A server at 127.0.0.1 and ::1, with a port for TLS at 127.0.0.1. */
export interface ProxiedPeer extends Peer {
  tlsPort: number;
}

const HAPROXY = `
defaults
  mode http
  timeout client 20s
`;
const ANSWER = "http-request return status 200 content-type text/plain " +
  'lf-string "%[src] %[src_port] %[dst] %[dst_port]\\n"';

async function startHaproxy(made?: Certificates): Promise<ProxiedPeer> {
  const tlsPort = await freePort();
  const peer = await startPeer((port, folder) => {
    const file = join(folder, "haproxy.cfg");
    const binds = [`127.0.0.1:${port}`, `::1:${port}`];
    if (made) {
      binds.push(`127.0.0.1:${tlsPort} ssl crt ${identityFile(made.server)}`);
    }
    const lines = binds.map((bind) => `  bind ${bind} accept-proxy\n`).join("");
    writeFileSync(file, `${HAPROXY}frontend f\n${lines}  ${ANSWER}\n`);
    return ["haproxy", "-db", "-f", file];
  });
  return { ...peer, tlsPort };
}

const NAMES = ["addr", "port", "server_addr", "server_port"]
  .map((name) => `$proxy_protocol_${name}`).join(" ");

async function startNginx(made?: Certificates): Promise<ProxiedPeer> {
  const tlsPort = await freePort();
  const peer = await startPeer((port, folder) => {
    const file = join(folder, "nginx.conf");
    const pem = made && identityFile(made.server);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder};`).join(" ");
    const tls = pem === undefined ? "" : `
      listen 127.0.0.1:${tlsPort} ssl proxy_protocol;
      ssl_certificate ${pem};
      ssl_certificate_key ${pem};`;
    writeFileSync(
      file,
      `daemon off; master_process off; error_log stderr; pid ${folder}/pid;
      events {}
      http {
        access_log off; ${temporary}
        server {
          listen 127.0.0.1:${port} proxy_protocol;
          listen [::1]:${port} proxy_protocol;${tls}
          location / { return 200 "${NAMES}\\n"; }
        }
      }`,
    );
    mkdirSync(join(folder, "logs"));
    return ["nginx", "-e", "stderr", "-p", folder, "-c", file];
  });
  return { ...peer, tlsPort };
}

export const PROXIED_PEERS: Record<
  string,
  (made?: Certificates) => Promise<ProxiedPeer>
> = { haproxy: startHaproxy, nginx: startNginx };
