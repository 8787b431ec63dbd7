import type { HubError } from "./error.js";
import type { Gap } from "./protocol.js";
import type { Item } from "./listener.js";

/** How many messages wait for who iterates; the newest beyond them are dropped, and a gap is in their place. */
export const bound = 1000;

/** Queue is what an iterator reads. */
export class Queue<Out> implements AsyncIterableIterator<Item<Out>> {
  #items: Item<Out>[] = [];
  #readers: { resolve(result: IteratorResult<Item<Out>>): void; reject(error: unknown): void }[] = [];
  #ended = false;
  #error: HubError | undefined;

  constructor(readonly channel: string, readonly gaps: boolean, readonly leave: () => void) {}

  push(item: Item<Out>): void {
    if (item.gap && !this.gaps) return;
    const reader = this.#readers.shift();
    if (reader) return reader.resolve({ value: item, done: false });
    if (this.#items.length < bound) return void this.#items.push(item);
    const last = this.#items.at(-1) as Item<Out>;
    if (!last.gap && this.gaps) {
      const gap: Gap = { channel: this.channel, reason: "OVERFLOW", position: last.meta.position };
      this.#items.push({ gap });
    }
  }

  /** end lets what waits be read first. */
  end(error?: HubError): void {
    this.#ended = true;
    this.#error = error;
    for (const reader of this.#readers.splice(0)) this.#finish(reader);
  }

  next(): Promise<IteratorResult<Item<Out>>> {
    return new Promise((resolve, reject) => {
      const item = this.#items.shift();
      if (item) resolve({ value: item, done: false });
      else if (this.#ended) this.#finish({ resolve, reject });
      else this.#readers.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<Item<Out>>> {
    this.leave();
    this.#items = [];
    this.end();
    return this.next();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // The error is told once, as a generator does.
  #finish({ resolve, reject }: { resolve(result: IteratorResult<Item<Out>>): void; reject(error: unknown): void }): void {
    const error = this.#error;
    this.#error = undefined;
    if (error) reject(error);
    else resolve({ value: undefined, done: true });
  }
}
