// What compiles, and what must not. tsc fails where an expected error is none.
import { channel, connect, template, type Channel, type Gap, type HubError, type Message, type Position } from "@realtime-hub/client";

interface Article { id: string; title: string }
interface Viewed { id: string }

const feed = channel<Article, Viewed>("blog.article.feed");
const quiet = channel<Article>("blog.article.quiet");
const mail = template<{ text: string }>()("notifications.user.{user_id}");
const cell = template<number, number>()("board.{board}.cell.{x}");
const client = connect("https://hub.example", { token: async (refusal: HubError | undefined) => refusal?.reason });

// Params
const mine: Channel<{ text: string }> = mail({ user_id: "user_42" });
cell({ board: "b", x: "1" });
// @ts-expect-error a param is missing
cell({ board: "b" });
// @ts-expect-error a param is no text
mail({ user_id: 42 });
// @ts-expect-error there is no such param
mail({ user: "user_42" });
// @ts-expect-error a param that the name does not have
mail({ user_id: "user_42", more: "x" });
// @ts-expect-error a template is no channel
client.subscribe(mail);

// Callbacks
const leave: () => void = client.subscribe(feed, (article, meta) => {
  const title: string = article.title;
  const position: Position | undefined = meta.position;
  // @ts-expect-error the payload has no such field
  article.titel;
}, { onGap: (gap: Gap) => gap.reason, onEnd: (error: HubError) => error.retryable, onPresence: ({ joined }) => joined[0]?.userId });
// @ts-expect-error another payload
client.subscribe(feed, (article: { id: number }) => article.id);
// @ts-expect-error gaps are yielded by iterators; a callback has onGap
client.subscribe(feed, () => {}, { gaps: true });
// @ts-expect-error a channel has a type
client.subscribe("blog.article.feed", () => {});

// Iterators
for await (const { payload, meta } of client.subscribe(feed)) payload.title satisfies string, meta.id satisfies string;
for await (const item of client.subscribe(feed, { gaps: true, since: { epoch: "e", offset: "1" } })) {
  if (item.gap) item.gap.reason satisfies string;
  else item.payload.title satisfies string;
  // @ts-expect-error it may be a gap
  item.payload;
}
// @ts-expect-error an offset is text: it may be beyond what a number holds
client.subscribe(feed, { since: { epoch: "e", offset: 1 } });

// Sending
client.send(feed, { id: "1" }).then(({ id }) => id satisfies string);
client.send(cell({ board: "b", x: "1" }), 5, { id: "x", timeout: 1000, signal: new AbortController().signal, traceContext: { traceparent: "…" } });
// @ts-expect-error another message
client.send(feed, { id: 1 });
// @ts-expect-error what subscribers receive is not what may be sent
client.send(feed, { title: "x" });
// @ts-expect-error a field too many
client.send(feed, { id: "1", title: "x" });
// @ts-expect-error the channel takes nothing
client.send(quiet, {});
// @ts-expect-error nor does one with params
client.send(mine, { text: "x" });

// Reading
client.history(feed, { limit: 5 }).then(({ messages }) => messages satisfies readonly Message<Article>[]);
client.presence(feed).then(({ members }) => members[0]?.userId satisfies string | undefined);

// A channel stands for another one only where both directions fit.
const wider: Channel<{ id: string }, Viewed & { more: string }> = feed;
// @ts-expect-error it does not take less
const narrower: Channel<Article, unknown> = feed;

// Options
// @ts-expect-error when it returns is the client's
connect("", { socket: { reconnection: false } });
connect("", { socket: { transports: ["websocket"], withCredentials: true } });
export {};
