import type { HubError } from "./error.js";
import type { Listener } from "./listener.js";
import { after, type Gap, type Message, type Position, type PresenceChange, type Subscribed } from "./protocol.js";

/** An ack: an error or the result. It is not called when the session ends first. */
export type Ack = (error: HubError | undefined, result: unknown) => void;

/** What a feed needs of its client. */
export interface Line {
  /** Whether there is a session, which can be asked. */
  readonly ready: boolean;
  /** ask sends a request in this session. The ack comes at its place among the events: so not a promise. */
  ask(event: string, argument: object, ack: Ack): void;
  /** later runs after a while that grows with the tries, and is off when the client closes. */
  later(tries: number, run: () => void): () => void;
  /** forget: the feed has nobody any more. */
  forget(feed: Feed): void;
}

/** How long a subscription stands until the next one counts as the first try, in milliseconds. */
const steady = 30_000;

/** Feed is the one subscription of a channel, for all who listen. */
export class Feed {
  readonly #listeners = new Set<Listener<any>>();
  #at: Position | undefined; // of the newest that came: to resume from
  #asked = false; // in this session
  #turn = 0; // counts subscriptions: an ack of an older one says nothing
  #leaving = 0; // unsubscribes without an ack: what comes belongs to the subscription before
  #stands = false;
  #stood = false; // before, so what a new one cannot replay is lost
  #since = 0; // when it last began to stand
  #tries = 0;
  #timers = new Set<() => void>();

  constructor(readonly line: Line, readonly name: string) {}

  get stands(): boolean {
    return this.#stands;
  }

  join(listener: Listener<any>): void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#at = listener.at;
      this.#subscribe();
    } else if (listener.at) listener.behind();
    else if (this.#stands) listener.stands(this.#at, undefined);
  }

  /** leave ends a listener; the last one unsubscribes. */
  leave(listener: Listener<any>, error?: HubError): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#abandon();
    listener.end(error);
  }

  /** end ends them all. */
  end(error?: HubError): void {
    const all = [...this.#listeners];
    this.#listeners.clear(); // first, because one that is told may subscribe again
    this.#abandon();
    for (const listener of all) listener.end(error);
  }

  /** opened: there is a session. */
  opened(): void {
    if (this.#listeners.size > 0) this.#subscribe();
  }

  /** closed: there is none any more. */
  closed(): void {
    this.#leaving = 0;
    this.#fell();
    if (this.#listeners.size === 0) this.line.forget(this);
  }

  message(message: Message<any>): void {
    if (!this.#hears()) return;
    const { position } = message.meta;
    if (position && after(position, this.#at)) this.#at = position;
    for (const listener of [...this.#listeners]) listener.take(message);
  }

  gap(gap: Gap): void {
    if (this.#hears()) for (const listener of [...this.#listeners]) listener.gap(gap);
  }

  presence(change: PresenceChange): void {
    if (this.#hears()) for (const listener of [...this.#listeners]) listener.sink.presence(change);
  }

  /** unsubscribed: the hub ended the subscription. It is asked again once, and says why it refuses. */
  unsubscribed(): void {
    if (!this.#hears()) return;
    if (this.#stands && Date.now() - this.#since > steady) this.#tries = 0;
    this.#fell();
    if (this.#tries++ === 0) this.#subscribe();
    else this.later(() => this.#subscribe());
  }

  ask(event: string, more: object, ack: Ack): void {
    this.line.ask(event, { channel: this.name, ...more }, ack);
  }

  later(run: () => void): void {
    const cancel = this.line.later(this.#tries, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  #hears(): boolean {
    return this.#asked && this.#leaving === 0;
  }

  #subscribe(): void {
    if (!this.line.ready) return; // opened will
    const turn = ++this.#turn;
    this.#asked = true;
    this.ask("hub:subscribe", { since: this.#at }, (error, result) => {
      if (turn !== this.#turn) return;
      if (error) this.#refused(error);
      else this.#accepted(result as Subscribed);
    });
  }

  #accepted({ position, recovered, reason }: Subscribed): void {
    let lost: Gap | undefined;
    if (recovered === false) lost = { channel: this.name, reason: reason ?? "UNKNOWN", position };
    else if (recovered === undefined && this.#stood) lost = { channel: this.name, reason: "RECONNECTED", position };
    if (lost || (position && after(position, this.#at))) this.#at = position;
    this.#stands = this.#stood = true;
    this.#since = Date.now();
    for (const listener of [...this.#listeners]) listener.stands(position, lost);
  }

  #refused(error: HubError): void {
    this.#fell();
    if (!error.retryable) return this.end(error);
    this.#tries++;
    this.later(() => this.#subscribe());
  }

  #fell(): void {
    this.#turn++;
    this.#asked = this.#stands = false;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const listener of this.#listeners) listener.fell();
  }

  // The next listener, if there is one, begins anew.
  #abandon(): void {
    const told = this.#asked && this.line.ready;
    this.#fell();
    this.#stood = false;
    this.#tries = 0;
    if (told) {
      this.#leaving++;
      this.ask("hub:unsubscribe", {}, () => {
        this.#leaving--;
        this.#gone();
      });
    }
    this.#gone();
  }

  #gone(): void {
    if (this.#leaving === 0 && this.#listeners.size === 0) this.line.forget(this);
  }
}
