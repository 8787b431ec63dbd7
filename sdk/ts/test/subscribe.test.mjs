import assert from "node:assert/strict";
import { test } from "node:test";
import { channel, HubError } from "../dist/index.js";
import { at, FakeHub, record, refusal, until } from "./fake.mjs";

const news = channel("test.news");

test("a channel is one subscription, however many listen", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const one = record(client, news);
  const two = record(client, news);
  await hub.saw("hub:subscribe");
  await hub.passed(client);
  hub.say("test.news", 1, null);
  await one.has(1);
  await two.has(1);
  one.leave();
  one.leave();
  await hub.passed(client);
  assert.equal(hub.requests("hub:unsubscribe").length, 0);
  hub.say("test.news", 2, null);
  await two.has(2);
  assert.deepEqual(one.got, [1]);
  two.leave();
  assert.deepEqual(await hub.saw("hub:unsubscribe"), [[{ channel: "test.news" }]]);
  assert.equal(hub.requests("hub:subscribe").length, 1);
});

test("who subscribes and leaves in a row keeps the order, and hears nothing of the subscription before", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  await until("a session", () => client.session);
  const acks = [];
  for (const event of ["hub:subscribe", "hub:unsubscribe"])
    hub.answers[event] = ([{ channel }], _, ack) => void acks.push(() => ack({ ok: true, channel }));
  const gone = record(client, news);
  gone.leave();
  const stays = record(client, news, { since: at(1) });
  await hub.saw("hub:subscribe", 2);
  assert.deepEqual(hub.log.map(([, event]) => event), ["hub:subscribe", "hub:unsubscribe", "hub:subscribe"]);
  acks[0]();
  hub.say("test.news", 9); // of the first one
  hub.session.emit("hub:gap", { channel: "test.news", reason: "SLOW" });
  hub.session.emit("hub:unsubscribed", { channel: "test.news", error: refusal("SCOPE_DENIED").error });
  acks[1]();
  hub.say("test.news", 2); // the second one's replay
  acks[2]();
  hub.say("test.news", 3);
  assert.deepEqual(await stays.has(2), [2, 3]);
  assert.deepEqual(gone.got, []);
  assert.equal(hub.requests("hub:subscribe").length, 2);
});

test("every session begins with the subscriptions, from where they were", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const kept = record(client, news);
  const other = record(client, channel("test.other"));
  record(client, channel("test.left")).leave();
  await hub.saw("hub:subscribe", 2);
  hub.say("test.news", 1);
  hub.say("test.news", 2);
  hub.say("test.news", 2); // again
  hub.say("test.news", 1);
  hub.say("test.other", 7, null);
  await kept.has(2);
  await other.has(1);
  hub.answers["hub:subscribe"] = ([{ channel, since }], session) => {
    if (!since) return { ok: true, channel };
    for (const n of [2, 3]) session.emit(channel, { n }, { id: "", position: at(n) });
    return { ok: true, channel, position: at(3), recovered: true, replayed: 2 };
  };
  hub.cut();
  await kept.has(3);
  await other.has(2);
  hub.say("test.news", 4);
  assert.deepEqual(await kept.has(4), [1, 2, 3, 4]);
  assert.deepEqual(other.got, [7, { channel: "test.other", reason: "RECONNECTED", position: undefined }]);
  assert.deepEqual(hub.requests("hub:subscribe", 1), [[{ channel: "test.news", since: at(2) }], [{ channel: "test.other" }]]);
});

test("what the hub cannot replay is a gap, and the position goes on from there", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const heard = record(client, news, { since: at(5) });
  hub.answers["hub:subscribe"] = ([{ channel }]) => ({ ok: true, channel, position: at(2, "f"), recovered: false, reason: "EPOCH_CHANGED", replayed: 0 });
  await heard.has(1);
  hub.say("test.news", 3, at(3, "f"));
  await heard.has(2);
  hub.cut();
  await heard.has(3);
  assert.deepEqual(heard.got, [
    { channel: "test.news", reason: "EPOCH_CHANGED", position: at(2, "f") }, 3,
    { channel: "test.news", reason: "EPOCH_CHANGED", position: at(2, "f") },
  ]);
  assert.deepEqual(await hub.saw("hub:subscribe", 2), [[{ channel: "test.news", since: at(5) }], [{ channel: "test.news", since: at(3, "f") }]]);
});

test("a subscription begins where the hub said, also before a message came", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  hub.answers["hub:subscribe"] = ([{ channel, since }]) => ({ ok: true, channel, position: at(since ? 9 : 7), ...(since && { recovered: false, reason: "EXPIRED", replayed: 0 }) });
  const heard = record(client, news);
  await hub.saw("hub:subscribe");
  await hub.passed(client);
  hub.cut();
  await heard.has(1);
  hub.cut();
  assert.deepEqual(await hub.saw("hub:subscribe", 3), [undefined, at(7), at(9)].map((since) => [{ channel: "test.news", ...(since && { since }) }]));
});

test("a refusal for good ends who listens, one for now is tried again", async (t) => {
  const hub = await FakeHub.start(t);
  let tries = 0;
  hub.answers["hub:subscribe"] = ([{ channel }]) => {
    if (channel !== "test.news") return { ok: true, channel };
    return ++tries < 3 ? refusal("RATE_LIMITED", { retryable: true }) : refusal("SCOPE_DENIED");
  };
  const client = hub.client(t);
  const heard = record(client, news);
  const iterator = client.subscribe(news);
  await assert.rejects(iterator.next(), (error) => error instanceof HubError && error.reason === "SCOPE_DENIED" && !error.retryable);
  assert.deepEqual(await iterator.next(), { value: undefined, done: true });
  await heard.has(1);
  assert.equal(heard.got[0].message, "because of SCOPE_DENIED");
  assert.equal(tries, 3);
  assert.equal(hub.requests("hub:unsubscribe").length, 0);
});

test("who is told of the end may subscribe again", async (t) => {
  const hub = await FakeHub.start(t);
  let tries = 0;
  hub.answers["hub:subscribe"] = ([{ channel }]) => (++tries === 1 ? refusal("SCOPE_DENIED") : { ok: true, channel });
  const client = hub.client(t);
  let second;
  const first = record(client, news, { onEnd: () => { second = record(client, news); } });
  record(client, news);
  await until("the second subscription", () => second);
  await hub.saw("hub:subscribe", 2);
  hub.say("test.news", 1, null);
  await second.has(1);
  assert.deepEqual(first.got, []);
});

test("a subscription that the hub ended is asked for once again", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const heard = record(client, news);
  await hub.saw("hub:subscribe");
  hub.say("test.news", 1);
  const ended = { channel: "test.news", error: refusal("SCOPE_DENIED").error };
  hub.session.emit("hub:unsubscribed", ended);
  assert.deepEqual((await hub.saw("hub:subscribe", 2))[1], [{ channel: "test.news", since: at(1) }]);
  hub.say("test.news", 2);
  await heard.has(2);
  hub.answers["hub:subscribe"] = () => refusal("SCOPE_DENIED");
  hub.session.emit("hub:unsubscribed", ended);
  await heard.has(3);
  assert.equal(heard.got[2].reason, "SCOPE_DENIED");
  assert.equal((await hub.saw("hub:subscribe", 3)).length, 3);
});

test("a signal ends a subscription", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const abort = new AbortController();
  const iterator = client.subscribe(news, { signal: abort.signal });
  await hub.saw("hub:subscribe");
  abort.abort();
  assert.deepEqual(await iterator.next(), { value: undefined, done: true });
  await hub.saw("hub:unsubscribe");
  assert.deepEqual(await client.subscribe(news, { signal: abort.signal }).next(), { value: undefined, done: true });
  assert.equal(hub.requests("hub:subscribe").length, 1);
});

test("a loop that is left unsubscribes", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const iterator = client.subscribe(news);
  await hub.saw("hub:subscribe");
  hub.say("test.news", 1);
  hub.say("test.news", 2);
  for await (const { payload, meta } of iterator) {
    assert.deepEqual([payload, meta], [{ n: 1 }, { id: "m1", position: at(1) }]);
    break;
  }
  await hub.saw("hub:unsubscribe");
});

test("1,000 messages wait for who iterates, and a gap is in the place of what does not", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const iterator = client.subscribe(news, { gaps: true });
  const blind = client.subscribe(news);
  await hub.saw("hub:subscribe");
  for (let n = 1; n <= 1500; n++) hub.say("test.news", n);
  await hub.passed(client);
  for (let n = 1; n <= 1000; n++) assert.deepEqual((await iterator.next()).value.payload, { n });
  assert.deepEqual((await iterator.next()).value, { gap: { channel: "test.news", reason: "OVERFLOW", position: at(1000) } });
  for (let n = 1; n <= 1000; n++) assert.deepEqual((await blind.next()).value.payload, { n });
  hub.say("test.news", 1501);
  for (const reader of [iterator, blind]) assert.deepEqual((await reader.next()).value.payload, { n: 1501 });
});

test("presence is told to who listens, and is read in pages", async (t) => {
  const hub = await FakeHub.start(t);
  const client = hub.client(t);
  const changes = [];
  client.subscribe(news, () => {}, { onPresence: (change) => changes.push(change) });
  await hub.saw("hub:subscribe");
  const change = { channel: "test.news", joined: [{ userId: "user_1", sessions: 1, since: "2026-01-01T00:00:00Z" }], left: [] };
  hub.session.emit("hub:presence", change);
  hub.session.emit("hub:presence", { ...change, channel: "test.other" });
  hub.answers["hub:presence"] = ([{ channel, cursor }]) => ({ ok: true, channel, members: change.joined, anonymous: 2, ...(!cursor && { cursor: "next" }) });
  const page = await client.presence(news, { limit: 1 });
  assert.equal(page.anonymous, 2);
  assert.equal((await client.presence(news, { cursor: page.cursor })).cursor, undefined);
  assert.deepEqual(changes, [change]);
  assert.deepEqual(hub.requests("hub:presence"), [[{ channel: "test.news", limit: 1 }], [{ channel: "test.news", cursor: "next" }]]);
});
