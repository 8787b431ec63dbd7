// listen makes a client and reports what it sees. It runs in Node and in pages.
export const listen = (io, url, options, subscribe, report) => {
  const socket = io(url, {
    forceNew: true,
    reconnection: false,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
    ...options,
    auth: authOf(options),
  });
  // Prepended, so that events are reported before anything they cause.
  socket.prependAny((event, ...args) => report(event, ...args));
  socket.on("connect", () => report("$connect", { id: socket.id, transport: socket.io.engine.transport.name }));
  socket.on("connect_error", (err) => report("$connect_error", { message: err.message, data: err.data ?? null }));
  socket.on("disconnect", (reason) => report("$disconnect", reason));
  socket.io.on("reconnect_attempt", (n) => report("$reconnect_attempt", n));
  socket.io.on("open", () => {
    socket.io.engine.on("upgrade", (transport) => report("$upgrade", transport.name));
  });
  // As the hub's documentation tells pages to do it: at every hub:ready.
  socket.on("hub:ready", () => {
    for (const channel of subscribe ?? []) {
      socket.emit("hub:subscribe", channel, (ack) => report("$subscribed", ack));
    }
  });
  return socket;
};

// ask sends an event and waits for its ack. Not emitWithAck: 4.0 has none, and
// the test bounds its own waiting.
export const ask = (socket, event, args) =>
  new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer)));

// authOf is a function where there are several tokens: each connect takes the
// next one, as a page does that renews its token.
const authOf = ({ auth, tokens }) => {
  if (!tokens) return auth;
  const left = [...tokens];
  return (cb) => cb({ token: left.length > 1 ? left.shift() : left[0] });
};
