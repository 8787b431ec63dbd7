// listen is listen.mjs's for socket.io-client 2: no prependAny, no auth, and a
// refusal is the event "error". What it reports is the same.
export const listen = (io, url, options, subscribe, report) => {
  const tokens = options.tokens ? [...options.tokens] : options.auth?.token ? [options.auth.token] : [];
  const query = () => tokens.length > 0 ? { token: tokens.length > 1 ? tokens.shift() : tokens[0] } : {};
  const { auth, tokens: _, extraHeaders, ...rest } = options;
  const socket = io(url, {
    forceNew: true,
    reconnection: false,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
    ...rest,
    query: query(),
    transportOptions: { polling: { extraHeaders }, websocket: { extraHeaders } },
  });
  const onevent = socket.onevent;
  socket.onevent = (packet) => {
    report(...packet.data);
    onevent.call(socket, packet);
  };
  socket.on("connect", () => report("$connect", { id: socket.id, transport: socket.io.engine.transport.name }));
  socket.on("error", (err) => report("$connect_error", { message: err.message ?? String(err), data: err.data ?? null }));
  socket.on("connect_error", (err) => report("$connect_error", { message: err.message, data: null }));
  socket.on("disconnect", (reason) => report("$disconnect", reason));
  socket.on("reconnect_attempt", (n) => {
    socket.io.opts.query = query(); // as its documentation has it
    report("$reconnect_attempt", n);
  });
  socket.io.on("open", () => {
    socket.io.engine.on("upgrade", (transport) => report("$upgrade", transport.name));
  });
  socket.on("hub:ready", () => {
    for (const channel of subscribe ?? []) {
      socket.emit("hub:subscribe", channel, (ack) => report("$subscribed", ack));
    }
  });
  return socket;
};
