// The gateway listens on every address of the machine, and has no option for that: here it is told to
// listen on the loopback address. Nothing else of it is changed.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  const callbacks = rest.filter((argument) => typeof argument === "function");
  return listen.call(this, { port, host: "127.0.0.1" }, ...callbacks);
};
