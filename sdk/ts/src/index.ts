export { channel, template, type Channel, type Params } from "./channel.js";
export { connect, Client, type ClientOptions, type ListenOptions, type SendOptions, type Status, type SubscribeOptions } from "./client.js";
export { HubError } from "./error.js";
export type { Item } from "./listener.js";
export type { Gap, History, HubErrorData, Member, Members, Message, Meta, Position, PresenceChange, Ready, Violation } from "./protocol.js";
export type { RequestOptions } from "./requests.js";
export type { SocketIOOptions } from "./session.js";
