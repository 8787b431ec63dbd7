// Many sessions that listen to the same channels on a bad network, and count: see jitter_test.go. Counted here and not
// there, because thousands of messages a second are too many lines. See lines.mjs for how it is driven.
//
//   start    {variant, url, sessions, channels}    →  when every session is subscribed to every channel
//   complete {counts, bound}                       →  what came, when every session has everything, or the bound is over
import { monitorEventLoopDelay } from "node:perf_hooks";
import { io } from "socket.io-client";
import { channel, connect } from "../../sdk/ts/dist/index.js";
import { serve } from "./lines.mjs";

const transports = [["websocket"], ["polling"], ["polling", "websocket"]];
const retry = { min: 100, max: 500 };

// Reader is one session's view of one channel: it expects 0, 1, 2, …
class Reader {
  next = 0;
  received = 0;
  repeated = 0;
  missed = 0; // a later one came instead

  take(n) {
    this.received++;
    if (n < this.next) this.repeated++;
    else {
      this.missed += n - this.next;
      this.next = n + 1;
    }
  }
}

class Session {
  readers = new Map();
  connects = 0;
  gaps = []; // reasons of what was not recovered
  errors = [];
}

// plain is socket.io-client alone, as the contract tells pages to resume by hand.
const plain = (url, channels, options, session, subscribed) => {
  const socket = io(url, { ...options, forceNew: true, reconnectionDelay: retry.min, reconnectionDelayMax: retry.max });
  const last = new Map();
  socket.on("hub:ready", () => {
    session.connects++;
    for (const channel of channels) {
      socket.emit("hub:subscribe", { channel, since: last.get(channel) }, (ack) => {
        if (!ack.ok) session.errors.push(ack.error.reason);
        else if (ack.recovered === false) session.gaps.push(ack.reason);
        if (!last.has(channel)) last.set(channel, ack.position);
        subscribed(channel);
      });
    }
  });
  for (const channel of channels) {
    socket.on(channel, ({ n }, { position }) => {
      last.set(channel, position);
      session.readers.get(channel).take(n);
    });
  }
  return { state: () => (socket.connected ? "connected" : "away"), end: () => socket.disconnect() };
};

// typescript is the client of sdk/ts, which does that by itself.
const typescript = (url, channels, options, session, subscribed) => {
  const client = connect(url, {
    retry, socket: options,
    onStatus(status) {
      if (status !== "ready") return;
      session.connects++;
      // Requests are answered in order: this one after the subscriptions.
      client.history(channel(channels[0]), { limit: 1 }).then(() => channels.forEach(subscribed), () => {});
    },
  });
  for (const name of channels) {
    client.subscribe(channel(name), ({ n }) => session.readers.get(name).take(n), {
      onGap: ({ reason }) => session.gaps.push(reason),
      onEnd: ({ reason }) => session.errors.push(reason),
    });
  }
  return { state: () => client.status, end: () => client.close() };
};

const variants = { plain, typescript };
const lag = monitorEventLoopDelay();
lag.enable();
let sessions = [];
let ends = [];

const start = (variant, url, channels, options) => {
  const session = new Session();
  sessions.push(session);
  for (const channel of channels) session.readers.set(channel, new Reader());
  const waiting = new Set(channels);
  return new Promise((resolve) => {
    ends.push(variants[variant](url, channels, options, session, (channel) => {
      waiting.delete(channel);
      if (waiting.size === 0) resolve();
    }));
  });
};

const isComplete = (counts) =>
  sessions.every(({ readers }) => [...readers].every(([channel, { next }]) => next >= counts[channel]));

const sum = (of) => sessions.reduce((total, session) => total + of(session), 0);
const sumReaders = (of) => sum(({ readers }) => [...readers.values()].reduce((total, reader) => total + of(reader), 0));

serve({
  async start({ variant, url, sessions: number, channels }) {
    await Promise.all(Array.from({ length: number }, (_, i) => start(variant, url, channels, { transports: transports[i % transports.length] })));
  },

  async complete({ counts, bound }) {
    for (const begin = Date.now(); !isComplete(counts) && Date.now() - begin < bound; ) await new Promise((resolve) => setTimeout(resolve, 20));
    const result = {
      complete: isComplete(counts),
      received: sumReaders(({ received }) => received),
      repeated: sumReaders(({ repeated }) => repeated),
      missed: sumReaders(({ missed }) => missed),
      connects: sum(({ connects }) => connects),
      gaps: sessions.flatMap(({ gaps }) => gaps),
      lag: Math.round(lag.max / 1e6), // ms that this process was late: a busy machine, not a bad network
      errors: sessions.flatMap(({ errors }) => errors),
      // One channel of each session is enough to see whether it hangs, or all are late.
      behind: sessions.flatMap(({ readers, connects }, i) => [...readers].filter(([channel, { next }]) => next < counts[channel]).slice(0, 1)
        .map(([channel, { next }]) => `session ${i} (${transports[i % transports.length]}), ${ends[i].state()} after ${connects} connects: ${channel} ends at ${next} of ${counts[channel]}`)),
    };
    for (const { end } of ends) end();
    sessions = [];
    ends = [];
    return result;
  },

  sync() {},
});
