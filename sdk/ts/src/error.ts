import type { HubErrorData, Violation } from "./protocol.js";

/**
 * Why something was refused. `reason` is for programs (docs/protocol.md lists the hub's), `message` for people.
 * The client's own reasons: `TIMEOUT`, `CLOSED`, `DISCONNECTED`, and `OVERLOADED` where too many requests wait.
 */
export class HubError extends Error {
  readonly code: string;
  readonly reason: string;
  /** Whether the same may be accepted later. */
  readonly retryable: boolean;
  /** Which rules a payload broke. */
  readonly violations: readonly Violation[];

  constructor({ code, reason, message, retryable, violations }: HubErrorData) {
    super(message);
    this.name = "HubError";
    this.code = code;
    this.reason = reason;
    this.retryable = retryable;
    this.violations = violations ?? [];
  }
}

/** own is an error that the client finds, not the hub. */
export const own = (code: string, reason: string, message: string, retryable = false): HubError =>
  new HubError({ code, reason, message, retryable });

/** received is the hub's error of data from outside; undefined where it is none. */
export const received = (data: unknown): HubError | undefined => {
  const error = data as HubErrorData | undefined;
  return typeof error?.reason === "string" ? new HubError(error) : undefined;
};
