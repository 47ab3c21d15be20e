/** The flags of a server. */
const server = (port: number) =>
  `Where:
      --hostname HOST               name or IP to listen on [127.0.0.1]
      --port PORT                   port, 0 to have one chosen [${port}]
      --udp                         datagrams instead of connections
      --unix PATH                   a Unix socket instead of a port; on Linux
                                    @NAME is an abstract one, without a file
      --cert FILE --key FILE        speak TLS, with this certificate (PEM)
      --proxy-protocol IP[/N],...   serve the clients of these proxies (PROXY
                                    header); with --unix say "unix"

How much:
      --max-connections N           clients at once, the others wait [16384]
      --max-connections-per-host N  clients at once from one IP [no limit]
      --idle-timeout MS             milliseconds without a byte [300000],
                                    0 for ever`;

const ends = "Ctrl+C stops it: clients get five seconds to finish, a second " +
  "one none.";

/** The output of `--help`, at most 80 columns wide. */
export const help = {
  parley: `Usage: parley COMMAND [FLAGS]

An echo server, a greeting server, and a ping that checks echo servers: on TCP,
TLS, Unix sockets and UDP.

Commands:
  echo         send back whatever comes
  greet        say hello and hang up
  ping TARGET  measure an echo server, and check every byte it sends back

Flags:
  -h, --help   this text; after a command, its flags
  --version    name, version and runtime

Examples:
  parley echo --port 7000
  parley ping 127.0.0.1:7000

Where there is no such executable:
  deno run -N jsr:@parley/echo/cli ping 127.0.0.1:7000
  bun src/cli.ts ping 127.0.0.1:7000

Deno's permissions: -N (--allow-net) for the network. Unix sockets need -R and
-W (--allow-read, --allow-write) as well, files of certificates -R.`,

  echo: `Usage: parley echo [FLAGS]

An echo server (RFC 862): sends back whatever comes, until the client ends.

${server(65432)}

With --udp, replies are guarded against loops: to one peer 10,000 at once, then
1,000 a second; to one IP five times as many; in all, 25 times. The address of
each client goes to standard error, and is dropped while that takes none. So do
the reasons for clients that were rejected, five a second, then a count.

${ends}

Examples:
  parley echo --port 7000
  parley echo --port 7000 --udp
  deno run -N jsr:@parley/echo/cli echo --port 7000
  deno run -N -R jsr:@parley/echo/cli echo --cert cert.pem --key key.pem
  deno run -N -R -W jsr:@parley/echo/cli echo --unix /tmp/echo.sock`,

  greet: `Usage: parley greet [FLAGS]

A greeting server: says hello and hangs up.

What:
      --message TEXT                the greeting [Hello, client!]
      --when connect|message        at once, or after the client spoke [connect]

${server(8080)}

${ends}

Examples:
  parley greet --message "Nice to see you"
  deno run -N jsr:@parley/echo/cli greet --when message`,

  ping: `Usage: parley ping TARGET [FLAGS]

Sends numbered messages to an echo server, and checks every byte that comes
back. TARGET is HOST:PORT, [IPV6]:PORT, unix:PATH or unix:@NAME. Streams use one
connection, which must end when we do. Flags and units are those of ping(8).

  -c, --count N           messages to send [until Ctrl+C]
  -i, --interval SECONDS  from one to the next [1]; 0: when the reply came
  -s, --size BYTES        of a message [56]; UDP 0 to 65507, else 1 to 67108864;
                          below 16 a stream cannot show which one is missing
  -W, --timeout SECONDS   for a reply, a connection or its end [5]
      --udp               datagrams instead of a connection
      --tls               speak TLS, to a verified server
      --ca FILE           trust these certificates (PEM) as well; implies --tls
      --server-name NAME  the name in its certificate [HOST]; implies --tls
      --json              no lines, one JSON document at the end

Ctrl+C ends it with the summary, within a second; a second one at once.
Status: 0 if all came back intact and nothing else did, 1 if not or if the
server cannot be reached, 2 for wrong arguments.

The JSON document, times in milliseconds:
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

Examples:
  parley ping 127.0.0.1:7000
  parley ping --udp --count 10 --interval 0.1 [::1]:7000
  parley ping --size 4194304 --json unix:/tmp/echo.sock
  deno run -N jsr:@parley/echo/cli ping 127.0.0.1:7000
  deno run -N -R jsr:@parley/echo/cli ping --ca cert.pem localhost:7000
  deno run -N -R -W jsr:@parley/echo/cli ping unix:/tmp/echo.sock`,
};
