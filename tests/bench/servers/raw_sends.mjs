// The same by writes of node:net, which keep what does not go out at once.
import { createServer } from "node:net";
import process from "node:process";

const { hostname, port } = JSON.parse(process.argv[2]);
const count = Number(process.argv[3]);
const message = new Uint8Array(64);
const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", () => {
    for (let i = 0; i < count; i++) socket.write(message);
  });
  socket.on("error", () => socket.destroy());
});
server.listen(port, hostname, () => console.log(server.address().port));
