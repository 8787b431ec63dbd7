import type { Channel } from "./channel.js";
import { HubError, own, received } from "./error.js";
import { Feed, type Ack, type Line } from "./feed.js";
import { Listener, type Item, type Sink } from "./listener.js";
import type { Gap, HubErrorData, History, Members, Message, Meta, Position, PresenceChange, Ready } from "./protocol.js";
import { Queue } from "./queue.js";
import { Requests, type RequestOptions } from "./requests.js";
import { Session, type SocketIOOptions } from "./session.js";

/**
 * - `connecting`: on the way to a session
 * - `ready`: there is one
 * - `waiting`: the connection is gone, or was refused for now; the client returns by itself
 * - `ended`: for good: closed, ended by the hub, or refused
 */
export type Status = "connecting" | "ready" | "waiting" | "ended";

/** Options of a client. All have defaults. */
export interface ClientOptions {
  /**
   * Asked for a token at every connect, when the hub says that the identity is about to end, and once again with the
   * refusal when it refused one. Without a token the session is anonymous, or the cookie says who it is.
   */
  token?: (refusal: HubError | undefined) => string | undefined | Promise<string | undefined>;
  /** Hears of every change, and of what went wrong meanwhile. */
  onStatus?: (status: Status, error: unknown) => void;
  /** Milliseconds until the first and between the latest attempts; each is half to one and a half times as long. Default: 1,000 and 10,000. */
  retry?: { min?: number; max?: number };
  /** For socket.io-client: transports, path, withCredentials, extraHeaders. */
  socket?: SocketIOOptions;
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /** The position of the last message that was seen: what came after it comes first. Only where the channel keeps history. */
  since?: Position | undefined;
  /** Whether what the hub had to drop is read from the history, where the channel keeps one. Default: true. */
  fill?: boolean;
  /** Hears who comes and goes, where the channel declares presence. */
  onPresence?: (change: PresenceChange) => void;
  /** Ends the subscription. */
  signal?: AbortSignal | undefined;
}

/** Options of a subscription with a callback. */
export interface ListenOptions extends SubscribeOptions {
  /** Something may be missing at this place: reload the state. */
  onGap?: (gap: Gap) => void;
  /** The hub ended the subscription for good, or refused it. */
  onEnd?: (error: HubError) => void;
}

/** Options of send. */
export interface SendOptions extends RequestOptions {
  /** The message's id: the hub and its workers know by it what was sent twice. Default: a random one. */
  id?: string;
  /** W3C trace context for the worker. */
  traceContext?: { readonly traceparent?: string; readonly tracestate?: string };
}

/** Client is one page's (or one process's) connection to a hub. */
export class Client {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #feeds = new Map<string, Feed>();
  readonly #requests = new Requests((event, args, ack) => this.#ask(event, args, ack));
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #status: Status = "connecting";
  #session: Session | undefined;
  #ready: Ready | undefined;
  #end: HubError | undefined; // why the client has ended
  #farewell: HubError | undefined; // hub:ended
  #refusal: HubError | undefined; // of the latest token
  #asked = false; // whether the token function heard of the refusal
  #tries = 0;
  #notBefore = 0; // hub:draining: when it may return
  #refreshed = 0; // when the token was last refreshed
  #cancel: (() => void) | undefined; // of the next attempt

  constructor(url: string, options: ClientOptions = {}) {
    this.#url = url;
    this.#options = options;
    this.#connect();
  }

  get status(): Status {
    return this.#status;
  }

  /** The session, while there is one. */
  get session(): Ready | undefined {
    return this.#ready;
  }

  /** subscribe calls back at every message, until the function that it returns is called. */
  subscribe<Out>(channel: Channel<Out, never>, onMessage: (payload: Out, meta: Meta) => void, options?: ListenOptions): () => void;
  /**
   * subscribe is an iterator, subscribed from now on; leaving the loop unsubscribes. With `gaps` it also yields `{ gap }`
   * where something may be missing. 1,000 messages wait for a slow reader; what comes then is dropped, with a gap `OVERFLOW`.
   * It throws the HubError with which the hub ended or refused the subscription.
   */
  subscribe<Out>(channel: Channel<Out, never>, options: SubscribeOptions & { gaps: true }): AsyncIterableIterator<Item<Out>>;
  subscribe<Out>(channel: Channel<Out, never>, options?: SubscribeOptions & { gaps?: false }): AsyncIterableIterator<Message<Out>>;
  subscribe<Out>(
    { name }: Channel<Out, never>,
    second?: ((payload: Out, meta: Meta) => void) | (SubscribeOptions & { gaps?: boolean }),
    third: ListenOptions = {},
  ): (() => void) | AsyncIterableIterator<any> {
    if (typeof second === "function") {
      return this.#listen<Out>(name, third, {
        item: (item) => (item.gap ? call(third.onGap, item.gap) : call(second, item.payload, item.meta)),
        presence: (change) => call(third.onPresence, change),
        end: (error) => error && call(third.onEnd, error),
      });
    }
    let leave = (): void => {};
    const queue = new Queue<Out>(name, second?.gaps === true, () => leave());
    leave = this.#listen<Out>(name, second ?? {}, {
      item: (item) => queue.push(item),
      presence: (change) => call(second?.onPresence, change),
      end: (error) => queue.end(error),
    });
    return queue;
  }

  /**
   * send resolves when a worker has handled the message (at least once) or has it (at most once). A message whose ack was
   * lost with the connection is sent again with the same id, until `timeout`. Rejects with a HubError, or with the signal's reason.
   */
  async send<In>(channel: Channel<unknown, In>, payload: NoInfer<In>, options: SendOptions = {}): Promise<{ id: string }> {
    const { id = randomId(), traceContext } = options;
    await this.#requests.make(channel.name, [payload, { id, traceContext }], options);
    return { id };
  }

  /** presence is a page of the channel's members. */
  presence(channel: Channel<unknown, never>, { limit, cursor, ...options }: RequestOptions & { limit?: number; cursor?: string | undefined } = {}): Promise<Members> {
    return this.#requests.make("hub:presence", [{ channel: channel.name, limit, cursor }], options) as Promise<Members>;
  }

  /** history is a page of what the channel keeps: what came after `since`, else from the oldest. */
  history<Out>(channel: Channel<Out, never>, { limit, since, ...options }: RequestOptions & { limit?: number; since?: Position | undefined } = {}): Promise<History<Out>> {
    return this.#requests.make("hub:history", [{ channel: channel.name, limit, since }], options) as Promise<History<Out>>;
  }

  /** close ends everything: iterators are done, requests that wait reject with `CLOSED`. A closed client stays so. */
  close(): void {
    if (!this.#end) this.#finish(own("CANCELLED", "CLOSED", "the client is closed"));
  }

  #listen<Out>(name: string, { since, fill, signal }: SubscribeOptions, sink: Sink<Out>): () => void {
    if (this.#end || signal?.aborted) {
      const error = signal?.aborted || this.#end?.reason === "CLOSED" ? undefined : this.#end;
      setTimeout(() => sink.end(error)); // not now: who is told may subscribe again
      return () => {};
    }
    let feed = this.#feeds.get(name);
    if (!feed) this.#feeds.set(name, (feed = new Feed(this.#line, name)));
    const joined = feed;
    const leave = (): void => joined.leave(listener);
    const listener = new Listener<Out>(joined, {
      ...sink,
      end: (error) => {
        signal?.removeEventListener("abort", leave);
        sink.end(error);
      },
    }, fill !== false, since);
    signal?.addEventListener("abort", leave);
    joined.join(listener);
    return leave;
  }

  readonly #line: Line = ((client: Client) => ({
    get ready() {
      return client.#ready !== undefined;
    },
    ask: (event: string, argument: object, ack: Ack) => client.#ask(event, [argument], ack),
    later: (tries: number, run: () => void) => client.#later(client.#backoff(tries), run),
    forget: (feed: Feed) => {
      if (client.#feeds.get(feed.name) === feed) client.#feeds.delete(feed.name);
    },
  }))(this);

  // The socket forgets its acks when its session ends.
  #ask(event: string, args: unknown[], ack: Ack): void {
    if (this.#ready) this.#session?.ask(event, args, ack);
  }

  #connect(): void {
    this.#session?.end();
    this.#tell("connecting");
    if (this.#end) return; // in onStatus
    this.#cancel = undefined;
    const session: Session = new Session(this.#url, this.#options.socket ?? {}, this.#options.token && (() => this.#token(this.#refusal)), {
      event: (name, first, second) => this.#event(name, first, second),
      refused: (error) => this.#refused(error),
      gone: () => this.#lost(),
      dismissed: () => this.#finish(this.#farewell ?? own("ABORTED", "DISCONNECTED", "the hub ended the session and does not want it back")),
    });
    this.#session = session;
  }

  async #token(refusal: HubError | undefined): Promise<string | undefined> {
    try {
      return await this.#options.token?.(refusal);
    } catch (error) {
      this.#tell(this.#status, error);
      throw error;
    }
  }

  // What arrives together with the connection's end comes after it. A farewell counts; the rest is replayed, or told as a gap.
  #event(name: string, first: any, second: any): void {
    if (this.#cancel && name !== "hub:draining" && name !== "hub:ended") return;
    switch (name) {
      case "hub:ready":
        return this.#opened(first);
      case "hub:draining":
        this.#notBefore = Date.now() + first.reconnectInMs;
        if (this.#cancel) this.#return();
        return;
      case "hub:ended":
        this.#farewell = received(first.error);
        return;
      case "hub:expiring":
        return void this.#later(Math.max(0, this.#refreshed + 10_000 - Date.now()), () => void this.#refresh());
      case "hub:gap":
        return this.#feeds.get(first.channel)?.gap(first);
      case "hub:unsubscribed":
        return this.#feeds.get(first.channel)?.unsubscribed();
      case "hub:presence":
        return this.#feeds.get(first.channel)?.presence(first);
      default:
        this.#feeds.get(name)?.message({ payload: first, meta: second });
    }
  }

  #opened(ready: Ready): void {
    this.#ready = ready;
    this.#tries = this.#notBefore = 0;
    this.#farewell = this.#refusal = undefined;
    this.#asked = false;
    for (const feed of this.#feeds.values()) feed.opened();
    this.#requests.opened();
    this.#tell("ready");
  }

  #lost(error?: unknown): void {
    if (this.#end || this.#cancel) return;
    error ??= this.#farewell;
    if (this.#farewell?.code === "UNAUTHENTICATED") this.#refusal = this.#farewell;
    this.#ready = undefined;
    for (const feed of this.#feeds.values()) feed.closed();
    this.#return();
    this.#tell("waiting", error);
  }

  // The hub spreads those who return over its own interval: nothing is taken off it.
  #return(delay = this.#notBefore ? Math.max(0, this.#notBefore - Date.now()) : this.#backoff(this.#tries++)): void {
    this.#cancel?.();
    this.#notBefore = 0;
    this.#cancel = this.#later(delay, () => this.#connect());
  }

  #refused(error: HubError): void {
    if (error.retryable) return this.#lost(error);
    if (error.code !== "UNAUTHENTICATED" || !this.#options.token || this.#asked) return this.#finish(error);
    this.#asked = true;
    this.#refusal = error;
    this.#return(0);
  }

  async #refresh(refusal?: HubError): Promise<void> {
    const session = this.#session;
    let token: string | undefined;
    try {
      token = this.#ready && (await this.#token(refusal));
    } catch {
      return; // told; when the identity ends it is asked again
    }
    if (token === undefined || session !== this.#session) return;
    this.#ask("hub:refresh", [{ token }], (error, result) => {
      if (!error) {
        this.#refreshed = Date.now();
        for (const { channel, error } of (result as { lost?: { channel: string; error: HubErrorData }[] }).lost ?? [])
          this.#feeds.get(channel)?.end(new HubError(error));
      } else if (error.code === "UNAUTHENTICATED" && !refusal) void this.#refresh(error);
      else this.#tell(this.#status, error);
    });
  }

  #finish(error: HubError): void {
    if (this.#end) return;
    this.#end = error;
    const told = error.reason === "CLOSED" ? undefined : error;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#ready = undefined;
    this.#session?.end();
    for (const feed of this.#feeds.values()) feed.end(told);
    this.#feeds.clear();
    this.#requests.end(error);
    this.#tell("ended", told);
  }

  #tell(status: Status, error?: unknown): void {
    if (status === this.#status && error === undefined) return;
    this.#status = status;
    call(this.#options.onStatus, status, error);
  }

  #later(delay: number, run: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delay);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  #backoff(tries: number): number {
    const { min = 1000, max = 10_000 } = this.#options.retry ?? {};
    return Math.min(max, min * 2 ** tries) * (0.5 + Math.random());
  }
}

/** connect is a client of the hub at the address, which connects at once and returns by itself. */
export const connect = (url: string, options?: ClientOptions): Client => new Client(url, options);

// What a callback throws is its own: as with any event listener it is an uncaught error, and harms nobody else.
const call = <Args extends unknown[]>(callback: ((...args: Args) => void) | undefined, ...args: Args): void => {
  try {
    callback?.(...args);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
};

// Not crypto.randomUUID, which pages without TLS do not have.
const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
