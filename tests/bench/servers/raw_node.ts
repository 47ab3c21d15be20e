// Echo by hand on node:net and node:tls: handlers with backpressure.
import { createServer, type Socket } from "node:net";
import process from "node:process";
import { createServer as createTlsServer } from "node:tls";

const { path, hostname, port, cert, key } = JSON.parse(process.argv[2]);
const options = { allowHalfOpen: true, noDelay: true };

const server = cert === undefined
  ? createServer(options, echo)
  : createTlsServer({ ...options, cert, key }, echo);
server.listen(path === undefined ? { host: hostname, port } : { path }, () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : "unix");
});

function echo(socket: Socket): void {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
  socket.on("error", () => socket.destroy());
}
