/** The flags of a server. */
const server = (port: number) =>
  `      --hostname HOST               name or IP to listen on [127.0.0.1]
      --port PORT                   port, 0 to have one chosen [${port}]
      --udp                         datagrams instead of connections
      --unix PATH                   a Unix socket; @NAME is an abstract one
      --remove-stale                take the path of a server that has ended
      --cert FILE --key FILE        speak TLS, with this certificate (PEM)
      --proxy-protocol IP[/N],...   serve the clients of these proxies; with
                                    --unix say "unix"
      --max-connections N           clients at once, the others wait [16384]
      --max-connections-per-host N  clients at once from one IP [no limit]
      --idle-timeout MS             milliseconds without a byte, 0 for ever
                                    [300000]
      --json                        print about clients in JSON
      --metrics [HOST:]PORT         HTTP with counters, /metrics for Prometheus`;

const ends = "Ctrl+C stops it: clients get five seconds to finish, a second " +
  "one none.";

/** How to connect to a server. */
const target = `  -4, --ipv4              the IPv4 address of the name
  -6, --ipv6              the IPv6 address of the name
      --tls               speak TLS, to a verified server
      --ca FILE           trust these certificates (PEM) as well; implies --tls
      --server-name NAME  the name in its certificate [HOST]; implies --tls`;

/** The output of `--help` and `help`: each at most 80 columns, 24 lines. */
export const help = {
  parley: `Usage: parley COMMAND [FLAGS]

An echo server, a greeting server, and a ping that checks echo servers: on TCP,
TLS, Unix sockets and UDP.

Commands:
  echo               send back whatever comes
  greet              say hello and hang up
  ping TARGET        measure an echo server, check every byte it sends back
  connect TARGET...  check whether ports are open, measure connecting
  help TOPIC         more: json (of ping), log (of servers), deno (permissions)

Flags:
  -h, --help     this text; after a command, its flags
  -V, --version  name, version and runtime

Examples:
  parley echo --port 7000
  parley ping 127.0.0.1:7000

Where there is no such executable:
  deno run -N jsr:@parley/echo/cli ping 127.0.0.1:7000
  bun node_modules/@parley/echo/src/cli.js ping 127.0.0.1:7000
  node node_modules/@parley/echo/src/cli.js ping 127.0.0.1:7000`,

  echo: `Usage: parley echo [FLAGS]

An echo server (RFC 862): sends back whatever comes, until the client ends.

${server(65432)}

${ends}
What it prints about clients: parley help log.

Example: deno run -N jsr:@parley/echo/cli echo --port 7000`,

  greet: `Usage: parley greet [FLAGS]

A greeting server: says hello and hangs up.

      --message TEXT                the greeting [Hello, client!]
      --when connect|message        at once, or after the client spoke [connect]
${server(8080)}

${ends}

Example: deno run -N jsr:@parley/echo/cli greet --message "Nice to see you"`,

  ping: `Usage: parley ping TARGET [FLAGS]

Sends numbered messages to an echo server, and checks every byte that comes
back. TARGET is HOST[:PORT], [IPV6][:PORT], unix:PATH or unix:@NAME.

  -c, --count N           messages to send [until Ctrl+C]
  -i, --interval SECONDS  from one to the next [1]; 0: when the reply came
  -s, --size BYTES        of a message [56]; UDP to 65507, else 1 to 67108864
  -W, --timeout SECONDS   for a reply, a connection or its end [5]
  -w, --deadline SECONDS  for all of it [none]
  -q, --quiet             the first line and the summary alone
      --udp               datagrams instead of a connection
      --json              no lines, one JSON document (parley help json)
${target}

Ctrl+C ends it with the summary. Status: 0 if all came back intact and nothing
else did, 1 if not, 2 for wrong arguments.

Example: deno run -N jsr:@parley/echo/cli ping -c 3 127.0.0.1:7000`,

  connect: `Usage: parley connect TARGET... [FLAGS]

Connects, sends nothing, and prints the time that took or the code of the error.
TARGET is HOST:PORT, [IPV6]:PORT, unix:PATH or unix:@NAME.

  -c, --count N           times to connect to each [1]
  -i, --interval SECONDS  from one to the next [1]
  -W, --timeout SECONDS   for a connection [5]
${target}

Status: 0 if all are open, 1 if not, 2 for wrong arguments.

Example: deno run -N jsr:@parley/echo/cli connect localhost:22 localhost:80`,

  json: `The JSON document of ping --json, times in milliseconds:
  target, transport, size, duration
  ok          whether the status is 0
  sent        messages: received (intact, in time) + corrupt + lost
  lossPercent of the sent
  late        lost ones that came back after their time
  duplicates  replies to what was answered already
  reordered   replies that a later one overtook; no fault
  unexpected  arrivals that answer nothing
  extraBytes, missingBytes
  rtt         { min, avg, max, p99 }, or null
  faults      the first 100: { kind, seq, byte, text }, byte counts from 0; kind
              is lost, late, corrupt, truncated, duplicate, unexpected or end
  error       what broke it off: { code, message }, or null

On a stream, messages below 16 bytes cannot show which one is missing.`,

  log:
    `What echo and greet print on standard error: the address of each client, and
why some were rejected, five a second, then a count. It is dropped while
standard error takes none. Each line starts with the time, in UTC; with --json
it is a document instead:
  time, event  "connect", "reject", "suppressed" or "shutdown"
  peer         the client's address
  code         of a reject, as EAGAIN
  message      that explains a reject or a shutdown
  count        of the lines that were left out, or clients waited for

With --udp nothing is printed; replies are guarded
against loops: to one peer 10,000 at once, then 1,000 a second; to one IP five
times as many; in all, 25 times.`,

  deno:
    `Deno's permissions: -N (--allow-net) for the network. Unix sockets need -R and
-W (--allow-read, --allow-write) as well, files of certificates -R.

  deno run -N jsr:@parley/echo/cli echo --port 7000
  deno run -N -R jsr:@parley/echo/cli echo --cert cert.pem --key key.pem
  deno run -N -R -W jsr:@parley/echo/cli echo --unix /tmp/echo.sock
  deno run -N -R jsr:@parley/echo/cli ping --ca cert.pem localhost:7000`,
};
