// Echo as Deno's manual shows it: one web stream piped into the other.
const server = Deno.listen(JSON.parse(Deno.args[0]));
console.log(server.addr.port);

for await (const conn of server) {
  // The pipe closes the connection, also when the peer resets it.
  conn.readable.pipeTo(conn.writable).catch(() => {});
}
