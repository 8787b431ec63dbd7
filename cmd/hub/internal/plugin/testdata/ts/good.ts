// What compiles.
import { io, type Socket } from "socket.io-client";
import { connect } from "@realtime-hub/client";
import { ArticleFeedChannel, AwkwardChannel, CursorMovedChannel, UserNotificationChannel } from "./gen/blog/v1/hub_channels.js";
import { RuledChannel } from "./gen/all/v1/hub_channels.js";
import type * as Blog from "./gen/blog/v1/hub_events.js";
import type * as All from "./gen/all/v1/hub_events.js";
import type { ArticleFeed } from "./gen/blog/v1/article_feed_hub.js";
import type { All as Every, AllInput, Ruled, RuledInput, string$ } from "./gen/all/v1/all_hub.js";

// Plain socket.io-client.
const socket: Socket<Blog.ServerToClientEvents, Blog.ClientToServerEvents> = io();
let last: Blog.HubPosition | undefined;
socket.on("hub:ready", async (ready) => {
  console.log(ready.session.length, ready.userId?.length, ready.limits.maxPayloadBytes.toFixed());
  const joined = await socket.emitWithAck("hub:subscribe", last ? { channel: "blog.article.feed", since: last } : "blog.article.feed");
  if (joined.ok) console.log(joined.channel, joined.position?.epoch);
  else console.log(joined.error.reason, joined.error.violations.map((v) => v.field));
  await socket.emitWithAck("hub:subscribe", "blog.notifications.user_42");
  const history = await socket.timeout(1000).emitWithAck("hub:history", { channel: "blog.article.feed", since: last ?? { epoch: "e" } });
  if (history.ok) for (const { meta, payload } of history.messages) console.log(meta.id, payload as ArticleFeed);
});
socket.on("blog.article.feed", (article, meta) => {
  last = meta.position;
  console.log(article.title.length, article.publishedAt.length, article.author?.name.length);
});
socket.on("blog.notifications.user_42", ({ text }) => console.log(text.length));
socket.on(`blog.notifications.${"user_" + 42}`, ({ text }) => console.log(text.length));
socket.on("connect_error", (err) => console.log(err.message));
socket.emit("blog.article.feed", { id: "42", seconds: 7 }, (result) => console.log(result.ok ? result.id : result.error.message));
socket.emit("blog.article.feed", { id: "42", seconds: "7" }, { id: "once" }, () => {});
const sent = await socket.emitWithAck("blog.board.main.cursor", { x: 1, y: 2 }, { id: "once" });
if (sent.ok) console.log(sent.id.length);
await socket.timeout(1000).emitWithAck("blog.board.main.cursor", { y: 2, x: 0 });

// Two directories; and names that TypeScript cannot tell apart.
type Both = Socket<
  Blog.ChannelEvents & All.ChannelEvents & Blog.HubEvents,
  Blog.ChannelMessages & All.ChannelMessages & Blog.HubRequests<Blog.ChannelName | All.ChannelName>
>;
const both: Both = io();
both.on("blog.article.feed", (article) => console.log(article.slug.length));
both.on("all.lobby.ruled", (literal) => console.log(literal.strings.length));
both.on("all.lobby.ruled", (literal: string$) => console.log(literal.strings.length));
both.on("all.kitchen.ruled", (ruled: Ruled) => console.log(ruled.kind.length));
both.on("all.kitchen", (one) => console.log("title" in one ? one.title.length : 0));
both.emit("hub:subscribe", "all.kitchen", () => {});
both.emit("hub:subscribe", { channel: "blog.article.feed" }, () => {});

// The hub's client.
const hub = connect("http://127.0.0.1:8080");
hub.subscribe(ArticleFeedChannel, (article) => console.log(article.id.length));
hub.subscribe(UserNotificationChannel({ user_id: "user_42" }), ({ text }) => console.log(text.length));
hub.subscribe(AwkwardChannel({ type: "a", channel: "b", page_url: "c", page__url: "d" }), ({ inner }) => console.log(inner?.words.join()));
await hub.send(ArticleFeedChannel, { id: "42" });
await hub.send(CursorMovedChannel({ board_id: "main" }), { x: 1 });

// JSON forms.
const ruled: RuledInput = {
  title: "t", slug: "s", kind: "post", always: "always", count: 1, mood: "MOOD_BAD", good: "MOOD_GOOD", author: {}, given: 0, tags: ["a"],
  even: true, userId: "ann",
};
await hub.send(RuledChannel({ room_id: "1" }), ruled);
const every: AllInput = {
  fInt64: 1, fUint64: "18446744073709551615", fDouble: "NaN", longs: [1, "2"], labels: { a: "b" }, byNumber: { "1": { ok: true } },
  byTruth: { true: "MOOD_GOOD" }, at: "2026-01-01T00:00:00Z", took: "1.5s", mask: "a,b", struct: { a: [1, null, { b: true }] }, value: null,
  list: [1, "a"], null: null, wInt64: "1", wBool: false, any: { "@type": "type.googleapis.com/shared.v1.Author", name: "ann" },
  empty: {}, all: { all: {} }, "an-other name": "x", old: { name: "n", item: [{ text: "t" }] }, circle: 1,
};
console.log(every);
const shape = (all: Every): number => {
  if (all.circle !== undefined) return Number(all.circle);
  if (all.square !== undefined) return all.square.deeper?.text.length ?? 0;
  return all.shapes === undefined ? 0 : shape(all.shapes) + all.fInt64.length + all.longs.length;
};
console.log(shape);
const who = (ruled: Ruled): string => (ruled.userId !== undefined ? ruled.userId : ruled.number);
console.log(who);
