import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { channel, connect } from "../dist/index.js";
import { at, FakeHub, record, refusal, until } from "./fake.mjs";

const news = channel("test.news");
const talk = channel("test.talk");

test("the session is the hub's hub:ready", async (t) => {
  const hub = await FakeHub.start(t);
  const states = [];
  const client = hub.client(t, { onStatus: (status) => states.push(status) });
  assert.equal(client.status, "connecting");
  await until("ready", () => client.status === "ready");
  assert.equal(client.session.session, hub.session.id);
  hub.cut();
  await until("the second session", () => hub.sessions.length === 2 && client.session?.session === hub.session.id);
  client.close();
  assert.deepEqual(states, ["ready", "waiting", "connecting", "ready", "ended"]);
  assert.equal(client.session, undefined);
});

for (const transports of [["websocket"], ["polling"]]) {
  test(`after hub:draining nobody returns before the hub said, by ${transports}`, async (t) => {
    const hub = await FakeHub.start(t);
    const client = hub.client(t, { retry: { min: 1, max: 1 }, socket: { transports } });
    await until("ready", () => client.session);
    const begin = Date.now();
    hub.session.emit("hub:draining", { reconnectInMs: 400 });
    hub.session.emit("hub:ended", refusal("DRAINING", { code: "UNAVAILABLE", retryable: true }));
    hub.cut();
    await until("a second session", () => hub.handshakes.length === 2);
    const away = hub.handshakes[1].time - begin;
    assert.ok(away >= 399, `it returned after ${away} ms`);
  });

  test(`who is told to stay away does, and knows why, by ${transports}`, async (t) => {
    const hub = await FakeHub.start(t);
    let why;
    const client = hub.client(t, { socket: { transports }, onStatus: (status, error) => status === "ended" && (why = error) });
    const heard = record(client, news);
    const iterator = client.subscribe(talk);
    await hub.saw("hub:subscribe", 2);
    const waits = assert.rejects(client.send(talk, {}), { reason: "SCOPE_DENIED" });
    hub.session.emit("hub:ended", refusal("SCOPE_DENIED"));
    hub.session.disconnect();
    hub.cut();
    await waits;
    await heard.has(1);
    assert.equal(heard.got[0].reason, "SCOPE_DENIED");
    await assert.rejects(iterator.next(), { reason: "SCOPE_DENIED" });
    assert.equal(why.message, "because of SCOPE_DENIED");
    assert.equal(client.status, "ended");
    await assert.rejects(client.send(talk, {}), { reason: "SCOPE_DENIED" });
    await assert.rejects(client.subscribe(news).next(), { reason: "SCOPE_DENIED" });
    assert.equal(hub.handshakes.length, 1);
  });
}

test("what is refused for now is tried again, with a token of its own each time", async (t) => {
  const hub = await FakeHub.start(t);
  let tokens = 0;
  hub.admit = ({ token }) => (token === "token 3" ? undefined : refusal("NO_WORKER", { code: "UNAVAILABLE", retryable: true }));
  const errors = [];
  const client = hub.client(t, { token: async () => `token ${++tokens}`, onStatus: (_, error) => error && errors.push(error.reason) });
  await until("ready", () => client.session);
  assert.equal(tokens, 3);
  assert.deepEqual(errors, ["NO_WORKER", "NO_WORKER"]);
});

test("a token that is refused is renewed once", async (t) => {
  const hub = await FakeHub.start(t);
  const refused = refusal("CREDENTIALS_EXPIRED", { code: "UNAUTHENTICATED" });
  hub.admit = ({ token }) => (token === "good" ? undefined : refused);
  const asked = [];
  const client = hub.client(t, { token: (refusal) => { asked.push(refusal?.reason); return refusal ? "good" : "old"; } });
  await until("ready", () => client.session);
  assert.deepEqual(asked, [undefined, "CREDENTIALS_EXPIRED"]);

  // As when the identity expires: the client returns, and asks with the reason.
  hub.session.emit("hub:ended", refused);
  hub.cut();
  await until("another session", () => hub.sessions.length === 2 && client.session);
  assert.deepEqual(asked, [undefined, "CREDENTIALS_EXPIRED", "CREDENTIALS_EXPIRED"]);

  hub.admit = () => refused;
  hub.cut();
  await until("the end", () => client.status === "ended");
  assert.equal(asked.length, 5);
  const anonymous = hub.client(t);
  await until("the end", () => anonymous.status === "ended");
  assert.equal(hub.handshakes.length, 6);
});

test("a token function that fails is asked again later", async (t) => {
  const hub = await FakeHub.start(t);
  let calls = 0;
  const errors = [];
  const client = hub.client(t, {
    token: () => {
      if (++calls < 3) throw new Error(`no token ${calls}`);
      return undefined;
    },
    onStatus: (_, error) => error && errors.push(error.message),
  });
  await until("ready", () => client.session);
  assert.deepEqual(errors, ["no token 1", "no token 2"]);
  assert.deepEqual(hub.handshakes.map(({ auth }) => auth), [{}]);
});

test("an identity that is about to end is renewed, and what it may not have any more ends", async (t) => {
  const hub = await FakeHub.start(t);
  let tokens = 0;
  const client = hub.client(t, { token: () => `token ${++tokens}` });
  const lost = record(client, news);
  const kept = record(client, talk);
  await hub.saw("hub:subscribe", 2);
  hub.answers["hub:refresh"] = (_, session) => {
    session.emit("hub:unsubscribed", { channel: "test.news", error: refusal("SCOPE_DENIED").error });
    return { ok: true, lost: [{ channel: "test.news", error: refusal("SCOPE_DENIED").error }] };
  };
  hub.session.emit("hub:expiring", { expiresAt: "2026-01-01T00:00:00Z" });
  await lost.has(1);
  assert.equal(lost.got[0].reason, "SCOPE_DENIED");
  assert.deepEqual(hub.requests("hub:refresh"), [[{ token: "token 2" }]]);
  await hub.saw("hub:unsubscribe"); // of what was asked for again
  hub.say("test.talk", 1);
  await kept.has(1);
  hub.session.emit("hub:expiring", { expiresAt: "2026-01-01T00:00:00Z" }); // a token that lives shortly asks for no loop
  await hub.passed(client);
  assert.equal(hub.requests("hub:refresh").length, 1);
});

test("a refused refresh is tried once more, then told", async (t) => {
  const hub = await FakeHub.start(t);
  const asked = [];
  const errors = [];
  const client = hub.client(t, { token: (refusal) => { asked.push(refusal?.reason); return "x"; }, onStatus: (_, error) => error && errors.push(error.reason) });
  await until("ready", () => client.session);
  hub.answers["hub:refresh"] = () => refusal("CREDENTIALS_INVALID", { code: "UNAUTHENTICATED" });
  hub.session.emit("hub:expiring", { expiresAt: "2026-01-01T00:00:00Z" });
  await until("an error", () => errors.length > 0);
  assert.deepEqual(errors, ["CREDENTIALS_INVALID"]);
  assert.deepEqual(asked, [undefined, undefined, "CREDENTIALS_INVALID"]);
  assert.equal(client.status, "ready");
});

// poll is a hub by long-polling that answers each session's polls with these packets, one response after the other. Where
// the connection's end is in a response with others, socket.io-client sees it first.
const poll = async (t, ...answers) => {
  const opened = [];
  const left = [];
  const http = createServer((request, response) => {
    const session = new URL(request.url, "http://hub").searchParams.has("sid");
    if (!session) {
      opened.push(Date.now());
      left.splice(0, left.length, ...answers);
      response.end(`0${JSON.stringify({ sid: `s${opened.length}`, upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1e6 })}`);
    } else if (request.method === "POST") response.end("ok");
    else response.end(left.shift()?.join("\x1e"));
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => http.close());
  const states = [];
  const client = connect(`http://127.0.0.1:${http.address().port}`, {
    retry: { min: 1, max: 1 }, socket: { transports: ["polling"] },
    onStatus: (status, error) => states.push(error ? `${status} ${error.reason}` : status),
  });
  t.after(() => client.close());
  return { opened, states, client };
};

const begin = ['40{"sid":"x"}', '42["hub:ready",{"session":"x"}]'];

test("a session that ends as it begins is none", async (t) => {
  const { opened, states } = await poll(t, [...begin, "1"]);
  await until("the third attempt", () => opened.length === 3);
  assert.deepEqual(states.slice(0, 4), ["waiting", "connecting", "waiting", "connecting"]);
});

test("a farewell that arrives together with the end is heard", async (t) => {
  const draining = await poll(t, begin, ['42["hub:draining",{"reconnectInMs":300}]', `42["hub:ended",${JSON.stringify(refusal("DRAINING", { retryable: true }))}]`, "1"]);
  await until("the second attempt", () => draining.opened.length === 2);
  assert.ok(draining.opened[1] - draining.opened[0] >= 299, `it returned after ${draining.opened[1] - draining.opened[0]} ms`);
  const kicked = await poll(t, begin, [`42["hub:ended",${JSON.stringify(refusal("SCOPE_DENIED"))}]`, "41", "1"]);
  await until("the end", () => kicked.client.status === "ended");
  assert.deepEqual(kicked.states, ["ready", "waiting", "ended SCOPE_DENIED"]);
  assert.equal(kicked.opened.length, 1);
});

test("an upgrade that is cut in its middle ends the session, which would hear nothing any more", async (t) => {
  const hub = await FakeHub.start(t);
  // What is written between the probe's answer and its end waits for the upgrade: here the CONNECT, with its token.
  let release = () => {};
  const tokens = [new Promise((resolve) => { release = resolve; }), "second"];
  hub.io.engine.once("connection", (connection) => connection.once("upgrading", (probe) => {
    setTimeout(release, 20, "first");
    setTimeout(() => probe.socket.close(), 60);
  }));
  const client = hub.client(t, { token: () => tokens.shift(), socket: { transports: ["polling", "websocket"] } });
  const heard = record(client, news);
  await hub.saw("hub:subscribe");
  hub.say("test.news", 1);
  await heard.has(1);
  assert.deepEqual(hub.handshakes.map(({ auth }) => auth.token), ["second"]);
});

test("a hub that is not there is waited for", async (t) => {
  const hub = await FakeHub.start(t);
  const { port } = hub.http.address();
  const client = hub.client(t);
  const heard = record(client, news);
  await until("ready", () => client.session);
  await new Promise((resolve) => hub.io.close(resolve));
  const waits = client.send(talk, { text: "x" });
  await until("waiting", () => client.status !== "ready");
  const after = await FakeHub.start(t);
  after.answers["test.talk"] = () => ({ ok: true, id: "" });
  await new Promise((resolve) => after.http.close(resolve));
  await new Promise((resolve) => after.http.listen(port, "127.0.0.1", resolve));
  await waits;
  after.say("test.news", 1, at(1));
  await heard.has(1);
});
