import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { own, received, type HubError } from "./error.js";
import type { Ack } from "./feed.js";

/** What socket.io-client may be told; how it connects, what it sends first, and when it returns is the client's. */
export type SocketIOOptions = Omit<Partial<ManagerOptions & SocketOptions>, "ackTimeout" | "auth" | "autoConnect" | "forceNew" | "multiplex" | "reconnection" | "retries">;

/** What a session tells. */
export interface Events {
  /** An event of the hub. */
  event(name: string, first: unknown, second: unknown): void;
  /** The hub refused the connect. */
  refused(error: HubError): void;
  /** The connection is gone, or did not come about. It may be said twice. */
  gone(): void;
  /** The hub said goodbye: it does not want this client back. */
  dismissed(): void;
}

// engine.io-client's, of which this is not public.
interface Engine {
  upgrading: boolean; // since the probe's answer
  writeBuffer: unknown[];
  close(): void;
  on(event: "upgradeError", listener: () => void): void;
}

// socket.io-parser's.
const EVENT = 2;

/**
 * Session is one connection, from its first byte to its last. Each has a socket of its own, because a socket that
 * returns brings along what it had buffered in the session before.
 */
export class Session {
  readonly #socket: Socket;

  constructor(url: string, options: SocketIOOptions, credentials: (() => Promise<string | undefined>) | undefined, events: Events) {
    const auth = async (send: (data: object) => void): Promise<void> => {
      try {
        const token = await credentials?.();
        send(token === undefined ? {} : { token });
      } catch {
        this.#socket.io.engine.close(); // credentials has told why
      }
    };
    const socket = io(url, { ...options, auth, forceNew: true, reconnection: false });
    this.#socket = socket;
    // An upgrade that is cut between the probe's answer and the switch leaves a polling transport that polls no more: the
    // client would know by its missing ping, after 45 s.
    const engine = socket.io.engine as unknown as Engine;
    engine.on("upgradeError", () => {
      if (!engine.upgrading) return;
      engine.upgrading = false;
      engine.writeBuffer = []; // close would wait for it
      engine.close();
    });
    // The packets and not the socket's events: those that arrive together with the connection's end would not come any more.
    socket.io.on("packet", ({ type, data }) => {
      if ((type as number) === EVENT && typeof data?.[0] === "string") events.event(data[0], data[1], data[2]);
    });
    socket.on("connect_error", (err: Error & { data?: unknown }) => {
      const error = received(err.data);
      if (error) events.refused(error);
      else events.gone();
    });
    socket.on("disconnect", (reason) => (reason === "io server disconnect" ? events.dismissed() : events.gone()));
  }

  ask(event: string, args: unknown[], ack: Ack): void {
    this.#socket.emit(event, ...args, (answer: { ok?: boolean; error?: unknown } | undefined) => {
      if (answer?.ok === true) ack(undefined, answer);
      else ack(received(answer?.error) ?? own("INTERNAL", "INTERNAL", "the hub's answer is none"), undefined);
    });
  }

  /** end ends it; it tells nothing more. */
  end(): void {
    this.#socket.off();
    this.#socket.io.off("packet");
    this.#socket.disconnect();
  }
}
