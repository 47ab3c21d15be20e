// A Postfix of the test's own, with STARTTLS where there are certificates.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "./certificates.ts";
import { find, isRoot, type Peer, startPeer, withPrograms } from "./peers.ts";
import { output } from "./programs.ts";

/** The services that a Postfix needs to take mail, and to throw it away. */
const SERVICES = `
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
discard unix - - n - - discard
error unix - - n - - error
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
`;

/** Starts a Postfix that takes mail and throws it away. */
export function startPostfix(): Promise<Peer> {
  return startPeer(async (port, folder) => {
    const config = join(folder, "config");
    for (const name of ["config", "queue", "lib"]) {
      mkdirSync(join(folder, name));
    }
    // Its daemons run as a user of their own.
    chmodSync(folder, 0o711);
    const { stdout } = spawnSync("id", ["-u", "postfix"], { encoding: "utf8" });
    chownSync(join(folder, "lib"), Number(stdout), 0);
    const settings: Record<string, string> = {
      compatibility_level: "3.6",
      queue_directory: join(folder, "queue"),
      data_directory: join(folder, "lib"),
      daemon_directory: "/usr/lib/postfix/sbin",
      command_directory: "/usr/sbin",
      // Not /dev/stdout, which cannot be opened where it is a socket.
      maillog_file: join(folder, "lib", "log"),
      maillog_file_prefixes: folder,
      myhostname: "mail.test",
      mydestination: "",
      alias_maps: "",
      inet_interfaces: "loopback-only",
      inet_protocols: "ipv4",
      mynetworks: "127.0.0.0/8",
      default_transport: "discard:",
      local_transport: "discard:",
      smtpd_relay_restrictions: "permit_mynetworks, reject",
      smtputf8_enable: "no",
    };
    if (certificates !== undefined) {
      settings.smtpd_tls_security_level = "may";
      settings.smtpd_tls_cert_file = certificates.certFile;
      settings.smtpd_tls_key_file = certificates.keyFile;
    }
    const lines = Object.entries(settings).map(([k, v]) => `${k} = ${v}\n`);
    writeFileSync(join(config, "main.cf"), lines.join(""));
    const smtpd = `127.0.0.1:${port} inet n - n - - smtpd`;
    writeFileSync(join(config, "master.cf"), smtpd + SERVICES);
    // It makes the folders of the queue.
    await output(["postfix", "-c", config, "check"]);
    return [find("master")!, "-s", "-c", config];
  });
}

/** Options of a test that needs Postfix. */
export const withPostfix = withPrograms("postfix", "master");
if (!isRoot) {
  withPostfix.skip ||= "Postfix starts as root alone";
  console.log(`Skipped: ${withPostfix.skip}`);
}
