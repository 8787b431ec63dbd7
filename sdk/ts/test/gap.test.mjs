import assert from "node:assert/strict";
import { test } from "node:test";
import { channel } from "../dist/index.js";
import { at, FakeHub, record, refusal } from "./fake.mjs";

const news = channel("test.news");
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// keep answers hub:history as the hub does, of what the test has said so far.
const keep = (hub) => {
  const kept = { to: 0, page: 10, hold: undefined };
  hub.answers["hub:history"] = ([{ channel, since }], _, ack) => {
    const answer = () => {
      const first = Number(since.offset) + 1;
      const messages = numbers(first, Math.min(kept.to, first + kept.page - 1)).map((n) => ({ payload: { n }, meta: { id: "", position: at(n) } }));
      ack({ ok: true, channel, position: at(kept.to), messages });
    };
    if (kept.hold) kept.hold.push(answer);
    else answer();
  };
  return kept;
};

const start = async (t, options) => {
  const hub = await FakeHub.start(t);
  hub.answers["hub:subscribe"] = ([{ channel, since }]) => ({ ok: true, channel, position: since ?? at(0), ...(since && { recovered: true, replayed: 0 }) });
  const client = hub.client(t);
  const heard = record(client, news, options);
  await hub.saw("hub:subscribe");
  await hub.passed(client);
  return { hub, client, heard, kept: keep(hub) };
};

const gap = (hub, position) => hub.session.emit("hub:gap", { channel: "test.news", reason: "SLOW", ...(position && { position }) });

test("what was dropped is read from the history, and what is live waits for it", async (t) => {
  const { hub, client, heard, kept } = await start(t);
  hub.say("test.news", 1);
  kept.to = 35;
  kept.hold = [];
  gap(hub, at(1));
  hub.say("test.news", 35);
  hub.say("test.news", 36);
  await hub.saw("hub:history");
  await hub.passed(client);
  assert.deepEqual(heard.got, [1]);
  const [answer] = kept.hold;
  kept.hold = undefined;
  answer();
  assert.deepEqual(await heard.has(36), numbers(1, 36));
  hub.say("test.news", 37);
  assert.equal((await heard.has(37)).at(-1), 37);
  assert.equal(hub.requests("hub:history").length, 4);
});

test("a gap within what is being read, and more live messages than are held back, are read too", async (t) => {
  const { hub, client, heard, kept } = await start(t);
  kept.hold = [];
  gap(hub, at(0));
  await hub.saw("hub:history");
  for (const n of numbers(20, 1100)) hub.say("test.news", n); // 1 to 19 were dropped
  gap(hub, at(1100));
  hub.say("test.news", 1150); // 1101 to 1149 were dropped
  await hub.passed(client);
  kept.to = 5; // the page is as old as its request
  const [answer] = kept.hold;
  kept.hold = undefined;
  answer();
  kept.to = 1150;
  assert.deepEqual(await heard.has(1150), numbers(1, 1150));
});

test("live messages beyond the bound are not held back, but read", async (t) => {
  const { hub, client, heard, kept } = await start(t);
  kept.hold = [];
  gap(hub, at(0));
  await hub.saw("hub:history");
  for (const n of numbers(20, 1100)) hub.say("test.news", n); // 1 to 19 were dropped
  await hub.passed(client);
  kept.page = 30;
  kept.to = 19; // the first page has them, and all the others would follow it
  const [answer] = kept.hold;
  kept.hold = undefined;
  answer();
  kept.to = 1100;
  assert.deepEqual(await heard.has(1100), numbers(1, 1100));
  assert.ok(hub.requests("hub:history").length > 1);
});

test("a connection that is lost while the history is read loses nothing", async (t) => {
  const { hub, heard, kept } = await start(t);
  hub.say("test.news", 1);
  kept.hold = [];
  gap(hub, at(1));
  await hub.saw("hub:history");
  hub.say("test.news", 9);
  kept.hold = undefined;
  kept.to = 12;
  hub.cut();
  assert.deepEqual(await heard.has(12), numbers(1, 12));
});

test("a gap that cannot be filled is told", async (t) => {
  const { hub, client, heard } = await start(t);
  hub.say("test.news", 1);
  gap(hub);
  gap(hub, at(4, "f"));
  hub.say("test.news", 5, at(5, "f"));
  gap(hub, at(3, "f")); // behind what was seen
  hub.say("test.news", 6, at(6, "f"));
  hub.answers["hub:history"] = () => refusal("POSITION_UNRECOVERABLE");
  gap(hub, at(6, "f"));
  hub.say("test.news", 8, at(8, "f"));
  await heard.has(8);
  const told = (reason, position) => ({ channel: "test.news", reason, ...(position && { position }) });
  assert.deepEqual(heard.got, [1, told("SLOW"), told("SLOW", at(4, "f")), 5, told("SLOW", at(3, "f")), 6, told("POSITION_UNRECOVERABLE"), 8]);
  await hub.passed(client);
});

test("who wants no filling is told", async (t) => {
  const { hub, client, heard } = await start(t, { fill: false });
  gap(hub, at(0));
  hub.say("test.news", 3);
  await heard.has(2);
  await hub.passed(client);
  assert.deepEqual(heard.got, [{ channel: "test.news", reason: "SLOW", position: at(0) }, 3]);
  assert.equal(hub.requests("hub:history").length, 0);
});

test("a refusal of the history for now is tried again, one for good ends the subscription", async (t) => {
  const { hub, heard } = await start(t);
  const answers = [refusal("RATE_LIMITED", { retryable: true }), refusal("SCOPE_DENIED")];
  hub.answers["hub:history"] = () => answers.shift();
  gap(hub, at(0));
  await heard.has(1);
  assert.equal(heard.got[0].reason, "SCOPE_DENIED");
  await hub.saw("hub:unsubscribe");
});

test("who joins later with a position has its own past", async (t) => {
  const { hub, client, heard, kept } = await start(t);
  for (const n of numbers(1, 25)) hub.say("test.news", n);
  kept.to = 25;
  await heard.has(25);
  const late = record(client, news, { since: at(3) });
  hub.say("test.news", 26);
  assert.deepEqual(await late.has(23), numbers(4, 26));
  const now = record(client, news);
  hub.say("test.news", 27);
  assert.deepEqual(await now.has(1), [27]);
  assert.deepEqual(await heard.has(27), numbers(1, 27));
  assert.equal(hub.requests("hub:subscribe").length, 1);
});

test("a replay for one is not for another who wants what is live", async (t) => {
  const hub = await FakeHub.start(t);
  hub.answers["hub:subscribe"] = ([{ channel }], session) => {
    for (const n of [4, 5]) session.emit(channel, { n }, { id: "", position: at(n) });
    return { ok: true, channel, position: at(5), recovered: true, replayed: 2 };
  };
  const client = hub.client(t);
  const kept = keep(hub);
  kept.to = 5;
  const since = record(client, news, { since: at(3) });
  const older = record(client, news, { since: at(1) });
  const live = record(client, news);
  await since.has(2);
  hub.say("test.news", 6);
  assert.deepEqual(await live.has(1), [6]);
  assert.deepEqual(await since.has(3), [4, 5, 6]);
  assert.deepEqual(await older.has(5), [2, 3, 4, 5, 6]);
});
