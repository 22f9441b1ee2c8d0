export interface ReceivedEvent {
  event: string;
  id: string | undefined;
  data: Record<string, string>;
}

/** A reader of server-sent events, as a browser is one. */
export interface EventReader {
  readonly status: number;
  readonly text: string;
  /** The next event that fits; rejects if the stream ends before. */
  next(fits: (event: ReceivedEvent) => boolean): Promise<ReceivedEvent>;
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream and reads it until it ends, or is closed. */
export async function readEvents(
  url: string,
  topics: string,
  { key, headers = {} }: { key?: string; headers?: Record<string, string> } = {},
): Promise<EventReader> {
  const gone = new AbortController();
  const response = await fetch(`${url}/v1/events?topics=${encodeURIComponent(topics)}`, {
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    signal: gone.signal,
  });
  const events: ReceivedEvent[] = [];
  let waiting: {
    fits: (event: ReceivedEvent) => boolean;
    resolve: (event: ReceivedEvent) => void;
    reject: (error: Error) => void;
  }[] = [];
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const text = isStream ? '' : await response.text();
  const ended = (async () => {
    if (!isStream || response.body === null) return;
    let rest = '';
    try {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        rest += chunk;
        const blocks = rest.split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const [, event] = /^event: (.*)$/m.exec(block) ?? [];
          const [, id] = /^id: (.*)$/m.exec(block) ?? [];
          const [, data] = /^data: (.*)$/m.exec(block) ?? [];
          if (event === undefined || data === undefined) continue;
          const received = { event, id, data: JSON.parse(data) as Record<string, string> };
          const waiter = waiting.find(({ fits }) => fits(received));
          if (waiter === undefined) events.push(received);
          else {
            waiting = waiting.filter((each) => each !== waiter);
            waiter.resolve(received);
          }
        }
      }
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      for (const { reject } of waiting) reject(new Error('the stream has ended'));
    }
  })();
  ended.catch(() => undefined);
  return {
    status: response.status,
    text,
    ended,
    next(fits) {
      const at = events.findIndex(fits);
      const [found] = at < 0 ? [] : events.splice(at, 1);
      if (found !== undefined) return Promise.resolve(found);
      return new Promise((resolve, reject) => waiting.push({ fits, resolve, reject }));
    },
    close: () => gone.abort(),
  };
}

export const ofTopic =
  (topic: string) =>
  ({ event, data }: ReceivedEvent): boolean =>
    event === 'version' && data['topic'] === topic;
