// UDP echo by hand on Deno; needs --unstable-net.
interface Datagrams extends AsyncIterable<[Uint8Array, Deno.Addr]> {
  readonly addr: { port: number };
  send(data: Uint8Array, to: Deno.Addr): Promise<number>;
}

const { listenDatagram } = Deno as unknown as {
  listenDatagram(
    where: { transport: "udp"; hostname: string; port: number },
  ): Datagrams;
};

const socket = listenDatagram({
  transport: "udp",
  hostname: "127.0.0.1",
  port: 0,
});
console.log(socket.addr.port);

for await (const [data, from] of socket) await socket.send(data, from);
