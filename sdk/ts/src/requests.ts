import { own, type HubError } from "./error.js";
import type { Ack } from "./feed.js";

/** Options of a request. */
export interface RequestOptions {
  /** Milliseconds until it rejects with `TIMEOUT`. What became of it is open then. Default: 30,000. */
  timeout?: number;
  /** Rejects with the signal's reason. What became of it is open then. */
  signal?: AbortSignal | undefined;
}

/** How many requests wait for their acks; those beyond them are refused. */
const bound = 1000;

interface Request {
  readonly event: string;
  readonly args: unknown[];
  settle(error: unknown, result?: unknown): void;
}

/** Requests are those without an ack: after a lost connection they are made again, in order. */
export class Requests {
  readonly #waiting = new Set<Request>();
  #end: HubError | undefined;

  constructor(readonly ask: (event: string, args: unknown[], ack: Ack) => void) {}

  make(event: string, args: unknown[], { timeout = 30_000, signal }: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#end) return reject(this.#end);
      if (this.#waiting.size >= bound) return reject(own("RESOURCE_EXHAUSTED", "OVERLOADED", `${bound} requests wait for the hub`, true));
      const abort = (): void => request.settle(signal?.reason);
      const timer = setTimeout(
        () => request.settle(own("DEADLINE_EXCEEDED", "TIMEOUT", `${event}: no answer within ${timeout} ms`, true)),
        Math.min(timeout, 2 ** 31 - 1), // beyond it a timer fires at once
      );
      const request: Request = {
        event,
        args,
        settle: (error, result) => {
          if (!this.#waiting.delete(request)) return;
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
          if (error === undefined) resolve(result);
          else reject(error);
        },
      };
      signal?.addEventListener("abort", abort);
      this.#waiting.add(request);
      this.#send(request);
    });
  }

  opened(): void {
    for (const request of this.#waiting) this.#send(request);
  }

  end(error: HubError): void {
    this.#end = error;
    for (const request of this.#waiting) request.settle(error);
  }

  // A hub that drains refuses what the next one takes.
  #send(request: Request): void {
    this.ask(request.event, request.args, (error, result) => {
      if (error?.reason !== "DRAINING") request.settle(error, result);
    });
  }
}
