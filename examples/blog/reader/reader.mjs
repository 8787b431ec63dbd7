// A reader of the feed: what a page does, on the console. The client is the
// plain socket.io-client; a channel is an event name.
import { io } from "socket.io-client";

const socket = io(process.argv[2] ?? "http://127.0.0.1:8080");

// hub:ready comes at every connect and reconnect: subscribe there, and nowhere else.
socket.on("hub:ready", async ({ session }) => {
  const result = await socket.emitWithAck("hub:subscribe", "blog.article.feed");
  console.log("reader: session %s, subscribed: %s", session, result.ok ? "yes" : result.error.message);
  if (shown) view(shown); // a new session has nothing open yet
});

socket.on("blog.article.feed", (article, meta) => {
  console.log("reader: “%s” (%s), broadcast %s", article.title, article.publishedAt, meta.id);
  show(article);
});

let shown; // the article on the screen
const viewersOf = (article) => `blog.article.${article.id}.viewers`;

function show(article) {
  if (shown) {
    socket.off(viewersOf(shown));
    socket.emit("hub:unsubscribe", viewersOf(shown));
  }
  shown = article;
  socket.on(viewersOf(article), ({ count }) => console.log("reader: “%s” has %d viewer(s)", article.title, count));
  view(article);
}

// view tells that the article is open. It listens first, to see the count that
// it makes. Where the connection ends before the ack, hub:ready begins anew.
async function view(article) {
  try {
    await socket.emitWithAck("hub:subscribe", viewersOf(article));
    const result = await socket.emitWithAck("blog.article.feed", { id: article.id });
    if (!result.ok) console.log("reader: the view was not counted:", result.error.message);
  } catch (err) {
    console.log("reader: the view may not have been counted:", err.message);
  }
}

socket.on("connect_error", (err) => console.log("reader: cannot connect:", err.message));
process.on("SIGINT", () => process.exit(0));
