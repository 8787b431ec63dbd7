// What goes over the wire: the messages of proto/hub/v1/client.proto as browsers have them.

/** Where a message stands in its channel's history. Keep it to go on from there. */
export interface Position {
  readonly epoch: string;
  readonly offset: string;
}

/** What comes beside a message's payload. */
export interface Meta {
  readonly id: string;
  /** Absent where the channel keeps no history. */
  readonly position?: Position;
}

/** One message of a channel. */
export interface Message<Out> {
  readonly payload: Out;
  readonly meta: Meta;
}

/**
 * Continuity is lost: something may be missing here. Reload the state, go on from `position`.
 *
 * The reason is the hub's (`SLOW`, `EPOCH_CHANGED`, `EXPIRED`, `TOO_MANY`, `POSITION_UNRECOVERABLE`) or
 * the client's own: `RECONNECTED`, the channel keeps no history and the connection was away; `OVERFLOW`,
 * an iterator was not read.
 */
export interface Gap {
  readonly channel: string;
  readonly reason: string;
  readonly position?: Position | undefined;
}

/** The session: hub:ready. `session` is what backends name in `except_sessions`. */
export interface Ready {
  readonly session: string;
  /** Absent: the session is anonymous. */
  readonly userId?: string;
  readonly roles: readonly string[];
  /** Absent: the identity does not end. */
  readonly expiresAt?: string;
  /** Why a cookie counted as none. */
  readonly credentials?: HubErrorData;
  readonly limits: { readonly maxPayloadBytes: number; readonly maxSubscriptions: number };
}

/** One user in a channel. */
export interface Member {
  readonly userId: string;
  readonly sessions: number;
  readonly since: string;
}

/** A page of a channel's members. */
export interface Members {
  readonly members: readonly Member[];
  readonly anonymous: number;
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** Who came to a channel, who left it. */
export interface PresenceChange {
  readonly channel: string;
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

/** A page of a channel's history. `position` is where the channel stands now. */
export interface History<Out> {
  readonly position: Position;
  readonly messages: readonly Message<Out>[];
}

/** One broken rule. */
export interface Violation {
  readonly field: string;
  readonly rule: string;
  readonly message: string;
}

/** An error as it is on the wire. */
export interface HubErrorData {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly violations?: readonly Violation[];
}

/** hub:subscribe's ack. */
export interface Subscribed {
  readonly position?: Position;
  readonly recovered?: boolean;
  readonly reason?: string;
}

/** after tells whether a is beyond b; of two histories, neither is before the other. */
export const after = (a: Position, b: Position | undefined): boolean =>
  !b || a.epoch !== b.epoch || BigInt(a.offset) > BigInt(b.offset);
