declare const carries: unique symbol;

/**
 * A concrete channel: its name, and in its type what it carries. `Out` is what subscribers receive, `In` what may be
 * sent on it; by default nothing.
 */
export interface Channel<out Out, in In = never> {
  readonly name: string;
  /** Only a type, which tells channels from whatever else has a name; there is nothing at run time. */
  readonly [carries]: (message: In) => Out;
}

/** The params of a template's name: `{user_id}` is `{ user_id: string }`. */
export type Params<Name extends string> = Name extends `${string}{${infer Param}}${infer Rest}`
  ? { readonly [K in Param | keyof Params<Rest>]: string }
  : unknown;

/** channel names a channel without params: `channel<ArticleFeed, ArticleViewed>("blog.article.feed")`. */
export const channel = <Out, In = never>(name: string): Channel<Out, In> => ({ name }) as Channel<Out, In>;

/**
 * template names channels with params, which it escapes:
 * `template<UserNotification>()("notifications.user.{user_id}")({ user_id: "user_42" })`.
 *
 * Throws a RangeError for a value that no name can carry: empty, over 128 bytes, or half of a surrogate pair.
 */
export const template = <Out, In = never>() =>
  <const Name extends string>(name: Name) =>
    (params: Params<Name>): Channel<Out, In> =>
      channel(name.replace(/\{(\w+)\}/g, (_, param: string) => escape(param, (params as Record<string, unknown>)[param])));

// As hub/channel escapes. Not \s, which has U+FEFF and lacks U+0085.
const reserved = /[.{}*>%\p{White_Space}\p{Cc}]/gu;
const halves = /\p{Cs}/u;

const escape = (param: string, value: unknown): string => {
  const bytes = typeof value === "string" && !halves.test(value) ? new TextEncoder().encode(value).length : 0;
  if (bytes < 1 || bytes > 128) throw new RangeError(`the param ${param} is text of 1 to 128 bytes`);
  return (value as string).replace(reserved, (c) =>
    c > "\x7f" ? encodeURIComponent(c) : `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
};
