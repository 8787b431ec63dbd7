// What does not compile: each line below a @ts-expect-error, and tsc says where one does.
import { io, type Socket } from "socket.io-client";
import { connect } from "@realtime-hub/client";
import { ArticleFeedChannel, AwkwardChannel, CursorMovedChannel, UserNotificationChannel } from "./gen/blog/v1/hub_channels.js";
import type { ClientToServerEvents, ServerToClientEvents } from "./gen/blog/v1/hub_events.js";
import type { UserNotification } from "./gen/blog/v1/user_notification_hub.js";
import type { All, AllInput, Ruled, RuledInput } from "./gen/all/v1/all_hub.js";

// A wrong payload type.
const hub = connect("http://127.0.0.1:8080");
// @ts-expect-error a field of another type
await hub.send(ArticleFeedChannel, { id: 42 });
// @ts-expect-error a field that must be given
await hub.send(ArticleFeedChannel, {});
// @ts-expect-error a field that is not there
await hub.send(ArticleFeedChannel, { id: "42", title: "t" });
// @ts-expect-error what is received is not what is sent
await hub.send(ArticleFeedChannel, {} as UserNotification);
// @ts-expect-error a channel that takes nothing
await hub.send(UserNotificationChannel({ user_id: "user_42" }), { text: "hi" });
// @ts-expect-error a listener for another channel's payload
hub.subscribe(ArticleFeedChannel, (notification: UserNotification) => console.log(notification));
// @ts-expect-error a field that the payload has not
hub.subscribe(ArticleFeedChannel, (article) => console.log(article.text));

// A missing param, and its relatives.
// @ts-expect-error none
UserNotificationChannel();
// @ts-expect-error an empty object
UserNotificationChannel({});
// @ts-expect-error one of four
AwkwardChannel({ type: "a", channel: "b", page_url: "c" });
// @ts-expect-error another name
UserNotificationChannel({ userId: "42" });
// @ts-expect-error a number
UserNotificationChannel({ user_id: 42 });
// @ts-expect-error one too many
CursorMovedChannel({ board_id: "main", user_id: "42" });
// @ts-expect-error the template is no channel
hub.subscribe(UserNotificationChannel, () => {});
// @ts-expect-error the channel is no template
ArticleFeedChannel({});

// The same with plain socket.io-client.
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();
// @ts-expect-error no such channel
socket.on("blog.article.fed", () => {});
// @ts-expect-error no value for the param
socket.on("blog.notifications", () => {});
// @ts-expect-error a listener for another payload
socket.on("blog.article.feed", (notification: UserNotification) => console.log(notification));
// @ts-expect-error a field that the payload has not
socket.on("blog.notifications.user_42", (notification) => console.log(notification.title));
// @ts-expect-error a channel that takes nothing
socket.emit("blog.notifications.user_42", { text: "hi" }, () => {});
// @ts-expect-error a payload of another type
socket.emit("blog.article.feed", { id: 42 }, () => {});
// @ts-expect-error the same, awaited
await socket.emitWithAck("blog.article.feed", { id: 42 });
// @ts-expect-error a field that must be given
await socket.emitWithAck("blog.article.feed", {});
// @ts-expect-error no payload
await socket.emitWithAck("blog.article.feed");
// @ts-expect-error no such channel to subscribe to
await socket.emitWithAck("hub:subscribe", "blog.article.fed");
// @ts-expect-error the same in an object
await socket.emitWithAck("hub:subscribe", { channel: "blog.article.fed" });
// @ts-expect-error no such request
await socket.emitWithAck("hub:subscrib", "blog.article.feed");
// @ts-expect-error an ack that is not looked at
console.log((await socket.emitWithAck("hub:subscribe", "blog.article.feed")).position);

// JSON forms.
declare const all: All;
// @ts-expect-error 64 bits are a string
console.log(all.fInt64 + 1 === 2, all.fInt64.toFixed());
// @ts-expect-error what has presence may be absent
console.log(all.nested.ok);
// @ts-expect-error bytes are base64
console.log(all.fBytes.byteLength);
// @ts-expect-error no such value
console.log(all.mood === "MOOD_ODD");
const inputs: AllInput[] = [
  // @ts-expect-error no such value
  { mood: "MOOD_ODD" },
  // @ts-expect-error a number of an enum
  { mood: 1 },
  // @ts-expect-error two of a oneof
  { circle: 1, none: "" },
  // @ts-expect-error a timestamp is text
  { at: new Date() },
  // @ts-expect-error an Any says what it is
  { any: { name: "ann" } },
  // @ts-expect-error a nested message of another type
  { nested: { ok: "yes" } },
  // @ts-expect-error a required field of proto2
  { old: {} },
  // @ts-expect-error no JSON
  { value: () => 1 },
  // @ts-expect-error Empty is empty
  { empty: { a: 1 } },
];
console.log(inputs);
const full = {
  title: "t", slug: "s", kind: "post", always: "always", count: 1, mood: "MOOD_BAD", good: "MOOD_GOOD", author: {}, given: 0, tags: ["a"],
  even: true, userId: "ann",
} as const satisfies { [K in keyof RuledInput]: unknown };
const { title: _title, ...untitled } = full;
const { userId: _userId, ...nobody } = full;
const ruled: RuledInput[] = [
  // @ts-expect-error required is missing
  { ...untitled, tags: [] },
  // @ts-expect-error one of the oneof is required
  { ...nobody, tags: [] },
  // @ts-expect-error two of the oneof
  { ...full, tags: [], number: 1 },
  // @ts-expect-error two of another oneof
  { ...full, tags: [], place: "here", time: "2026-01-01T00:00:00Z" },
  // @ts-expect-error not in the rule's list
  { ...full, tags: [], kind: "page" },
  // @ts-expect-error not the rule's constant
  { ...full, tags: [], always: "never" },
  // @ts-expect-error an enum's value that the rule refuses
  { ...full, tags: [], mood: "MOOD_UNSPECIFIED" },
  // @ts-expect-error finite
  { ...full, tags: [], ratio: "NaN" },
  // @ts-expect-error not in the items' list
  { ...full, tags: [], sizes: ["xl"] },
];
console.log(ruled);
declare const received: Ruled;
// @ts-expect-error only one of a oneof is there
console.log(received.userId.length);
