// A user's program: what it sends comes back, as a stream and as a datagram.
import { bind, connect, serveEcho } from "@parley/echo";

const text = (data: Uint8Array) => new TextDecoder().decode(data);

await using tcp = await serveEcho({ port: 0 });
await using conn = await connect({ port: tcp.addr.port });
await conn.send("Hello, ");
await conn.closeWrite();
for (let data; (data = await conn.recv()) !== null;) console.log(text(data));

await using udp = await serveEcho({ transport: "udp", port: 0 });
await using socket = await bind({ port: 0 });
await socket.sendTo("world", udp.addr);
console.log(text((await socket.recvFrom())[0]));
