import type { HubError } from "./error.js";
import type { Feed } from "./feed.js";
import { after, type Gap, type History, type Message, type Position, type PresenceChange } from "./protocol.js";

/** What a listener gets, in the order of the channel. */
export type Item<Out> = (Message<Out> & { readonly gap?: undefined }) | { readonly gap: Gap };

/** Where a listener's items go. None of them may throw. */
export interface Sink<Out> {
  item(item: Item<Out>): void;
  presence(change: PresenceChange): void;
  end(error?: HubError): void;
}

/** How many live messages are held back while the history is read. */
const bound = 1000;

/**
 * Listener is one local subscriber of a feed: it gets every message once and in order, or is told that it did not.
 *
 * What is missing it reads from the channel's history, after a gap that says where it is, or from a position that is
 * older than the feed's: live messages are held back meanwhile. Those beyond the bound are forgotten, and read too.
 */
export class Listener<Out> {
  #at: Position | undefined;
  #live: boolean; // gets what comes; until the subscription stands, a replay may be for others
  #held: Item<Out>[] | undefined; // while it reads; what came meanwhile
  #again = false; // something was lost since the latest page was asked for
  #asking = false;
  #ended = false;

  constructor(readonly feed: Feed, readonly sink: Sink<Out>, readonly fill: boolean, since: Position | undefined) {
    this.#at = since;
    this.#live = since !== undefined;
  }

  get at(): Position | undefined {
    return this.#at;
  }

  /** behind: the feed goes on from elsewhere, so what came since its position is read. */
  behind(): void {
    this.#lose();
  }

  take(item: Item<Out>): void {
    if (!this.#live) return;
    if (!this.#held) this.#give(item);
    else if (this.#held.length < bound) this.#held.push(item);
    else this.#lose();
  }

  /** gap is where the hub dropped messages of the channel. */
  gap(gap: Gap): void {
    const { position } = gap;
    if (this.#live && this.fill && position && this.#at?.epoch === position.epoch && !after(this.#at, position)) this.#lose();
    else this.take({ gap });
  }

  /** stands: the subscription does, from the position on; lost is what the hub could not replay. */
  stands(position: Position | undefined, lost: Gap | undefined): void {
    if (this.#held) return this.#read();
    if (lost) this.take({ gap: lost });
    if (lost || !this.#live) this.#at = position;
    this.#live = true;
  }

  /** fell: the subscription does not stand any more. What was held back may not be all there is. */
  fell(): void {
    this.#asking = false;
    if (!this.#held) return;
    this.#held = [];
    this.#again = true;
  }

  end(error?: HubError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.sink.end(error);
  }

  #give(item: Item<Out>): void {
    const position = item.gap ? item.gap.position : item.meta.position;
    const newer = position && after(position, this.#at);
    if (this.#ended || (position && !newer && !item.gap)) return;
    if (newer) this.#at = position;
    this.sink.item(item);
  }

  #lose(): void {
    this.#held = [];
    this.#again = true;
    this.#read();
  }

  #read(): void {
    if (this.#asking || this.#ended || !this.#held || !this.feed.stands) return;
    this.#asking = true;
    this.#again = false;
    this.feed.ask("hub:history", { since: this.#at, limit: 1000 }, (error, page) => {
      this.#asking = false;
      if (error) this.#failed(error);
      else this.#page(page as History<Out>);
    });
  }

  #page({ position, messages }: History<Out>): void {
    for (const message of messages) this.#give(message);
    const last = messages.at(-1);
    if (this.#again || (last && after(position, last.meta.position))) this.#read();
    else this.#release();
  }

  #failed(error: HubError): void {
    if (error.retryable) this.feed.later(() => this.#read());
    else if (error.reason === "POSITION_UNRECOVERABLE") {
      this.#give({ gap: { channel: this.feed.name, reason: error.reason } });
      this.#release();
    } else this.feed.leave(this, error);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const item of held) this.take(item);
  }
}
