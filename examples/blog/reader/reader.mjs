// A reader of the feed: what a page does, on the console. The client is the
// plain socket.io-client; a channel is an event name.
import { io } from "socket.io-client";

const socket = io(process.argv[2] ?? "http://127.0.0.1:8080");

// hub:ready comes at every connect and reconnect: subscribe there, and nowhere else.
socket.on("hub:ready", async ({ session }) => {
  const result = await socket.emitWithAck("hub:subscribe", "blog.article.feed");
  console.log("reader: session %s, subscribed: %s", session, result.ok ? "yes" : result.error.message);
});

socket.on("blog.article.feed", (article, meta) => {
  console.log("reader: “%s” (%s), broadcast %s", article.title, article.publishedAt, meta.id);
});

socket.on("connect_error", (err) => console.log("reader: cannot connect:", err.message));
process.on("SIGINT", () => process.exit(0));
