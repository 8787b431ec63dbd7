// listen makes a client of sdk/ts and reports what it sees, in Node and in pages. What it subscribes to is reported
// under its channel's name, or another.
export const listen = ({ connect, channel }, url, options, report) => {
  const tokens = [...(options.tokens ?? (options.auth ? [options.auth.token] : []))];
  let give; // the token that is waited for, when there are no more
  const hub = connect(url, {
    retry: { min: 20, max: 100 },
    ...(options.transports && { socket: { transports: options.transports } }),
    ...(tokens.length > 0 && {
      token(refusal) {
        report("$token", refusal?.reason ?? null);
        return tokens.shift() ?? new Promise((resolve) => { give = resolve; });
      },
    }),
    onStatus(status, error) {
      report("$" + status, error?.reason ?? null);
      if (status === "ready") report("hub:ready", hub.session);
    },
  });
  const subscriptions = new Map();

  const iterate = async (name, iterator) => {
    try {
      for await (const { gap, payload, meta } of iterator) {
        if (gap) report("$gap", name, gap);
        else report(name, payload, meta);
      }
      report("$end", name, null);
    } catch (error) {
      report("$end", name, plain(error));
    }
  };

  return {
    subscribe(name, given) {
      const { as = name, iterator, ...options } = given ?? {}; // null is Go's nothing
      if (iterator) {
        const items = hub.subscribe(channel(name), { ...options, gaps: true });
        subscriptions.set(as, () => items.return());
        void iterate(as, items);
        return;
      }
      subscriptions.set(as, hub.subscribe(channel(name), (payload, meta) => report(as, payload, meta), {
        ...options,
        onGap: (gap) => report("$gap", as, gap),
        onEnd: (error) => report("$end", as, plain(error)),
      }));
    },
    give: (token) => give(token),
    leave: (as) => void subscriptions.get(as)(),
    send: (name, payload, options) => hub.send(channel(name), payload, options ?? {}).then(({ id }) => ({ ok: true, id }), (error) => ({ ok: false, error: plain(error) })),
    close: () => hub.close(),
  };
};

const plain = ({ code, reason, message, retryable, violations }) => ({ code, reason, message, retryable, violations });
