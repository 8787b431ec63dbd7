// A hub that does what a test says: what the real one does seldom, or when nobody can tell. What the real one does
// is tested with the real one, in e2e.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { connect } from "../dist/index.js";

const patience = 10_000;

// until waits for a condition, and says what it had instead.
export const until = async (what, condition, instead = () => "") => {
  for (const begin = Date.now(); ; ) {
    const value = await condition();
    if (value) return value;
    if (Date.now() - begin > patience) assert.fail(`${what} did not come within ${patience} ms ${JSON.stringify(instead())}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

export const at = (offset, epoch = "e") => ({ epoch, offset: String(offset) });
export const refusal = (reason, { code = "PERMISSION_DENIED", retryable = false, violations = [] } = {}) => ({
  ok: false,
  error: { code, reason, message: `because of ${reason}`, retryable, violations },
});

export class FakeHub {
  log = []; // [session's number, event, ...arguments]
  sessions = [];
  handshakes = []; // auth of every connect, with its time
  // What is answered: event → (args, session, ack) => answer; undefined: the test acks, or nobody.
  answers = {
    "hub:subscribe": ([{ channel, since }]) => ({ ok: true, channel, ...(since && { position: since, recovered: true, replayed: 0 }) }),
    "hub:unsubscribe": ([{ channel }]) => ({ ok: true, channel }),
  };
  admit = () => undefined; // an error that refuses a connect

  static async start(t) {
    const hub = new FakeHub();
    hub.http = createServer();
    hub.io = new Server(hub.http, { pingInterval: 60_000 });
    hub.io.use((socket, next) => {
      hub.handshakes.push({ auth: socket.handshake.auth, time: Date.now() });
      const refused = hub.admit(socket.handshake.auth);
      next(refused && Object.assign(new Error(refused.error.message), { data: refused.error }));
    });
    hub.io.on("connection", (socket) => hub.#connected(socket));
    await new Promise((resolve) => hub.http.listen(0, "127.0.0.1", resolve));
    hub.url = `http://127.0.0.1:${hub.http.address().port}`;
    t.after(() => hub.io.close());
    return hub;
  }

  #connected(socket) {
    const number = this.sessions.push(socket) - 1;
    socket.onAny((event, ...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
      this.log.push([number, event, ...args]);
      const answer = this.answers[event]?.(args, socket, ack);
      if (answer) ack(answer);
    });
    socket.emit("hub:ready", { session: socket.id, roles: [], limits: { maxPayloadBytes: 1, maxSubscriptions: 1 } });
  }

  get session() {
    return this.sessions.at(-1);
  }

  // say sends a message; with an offset, at its position.
  say(channel, n, position = at(n)) {
    this.session.emit(channel, { n }, { id: `m${n}`, ...(position && { position }) });
  }

  cut() {
    this.session.conn.close();
  }

  requests(event, number) {
    return this.log.filter(([session, name]) => name === event && (number === undefined || session === number)).map(([, , ...args]) => args);
  }

  saw(event, count = 1) {
    return until(`${count} ${event}`, () => this.requests(event).length >= count && this.requests(event), () => this.log);
  }

  // client is one that returns fast, and is closed with the test.
  client(t, options = {}) {
    const client = connect(this.url, { retry: { min: 10, max: 20 }, socket: { transports: ["websocket"] }, ...options });
    t.after(() => client.close());
    return client;
  }

  // passed waits until the client has handled what was sent to it: an answer to it comes after that.
  async passed(client) {
    this.answers["test.marker"] = () => ({ ok: true, id: "x" });
    await client.send({ name: "test.marker" }, {});
  }
}

// record is a callback subscription that writes down what it gets.
export const record = (client, channel, options = {}) => {
  const got = [];
  const leave = client.subscribe(channel, ({ n }) => got.push(n), {
    onGap: (gap) => got.push(gap),
    onEnd: (error) => got.push(error),
    ...options,
  });
  return { got, leave, has: (count) => until(`${count} items`, () => got.length >= count && got, () => got) };
};
