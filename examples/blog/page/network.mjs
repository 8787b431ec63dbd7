// The network as this tab has it: it can be lost, as in a tunnel. All that the page
// asks for passes here; what its Socket.IO connection carries is cut below.
export let lost = false;
let cut; // the transport that lies in the tunnel

// lose lets nothing pass any more, and nobody is told: the WebSocket stays open, and
// the hub finds out when its pings are not answered. In a tunnel the client would wait
// for a ping, too; here it hears of the loss at once, so that nobody need look on.
export function lose(socket) {
  lost = true;
  socket.io.reconnection(false);
  cut = socket.io.engine.transport;
  cut.send = cut.close = () => {}; // not even a goodbye
  cut.emit("close");
}

// regain ends the old connection, as a system does that can speak again, and opens a new one.
export function regain(socket) {
  lost = false;
  delete cut.send;
  delete cut.close;
  cut.close();
  socket.io.reconnection(true);
  socket.disconnect().connect();
}

export async function reach(path, options) {
  if (lost) throw new Error("this tab has lost the network");
  return await fetch(path, options);
}
