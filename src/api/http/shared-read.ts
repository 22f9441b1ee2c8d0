import type { Answer } from '../route.ts';

type Work = (signal: AbortSignal) => Promise<Answer>;

/** One read for all who have joined it. It goes on while one of them waits. */
export class SharedRead {
  /** Somebody accepts an answer of some age: the next one who does may get this one. */
  keep = false;
  private readonly abandoned = new AbortController();
  private readonly result = Promise.withResolvers<Answer>();
  private readonly work: Work;
  private waiting = 0;

  constructor(work: Work) {
    this.work = work;
    // All may have gone before it fails.
    this.result.promise.catch(() => undefined);
  }

  /** All who have joined it are gone: whoever comes needs another one. */
  get isAbandoned(): boolean {
    return this.abandoned.signal.aborted;
  }

  /** Rejects with the reason of the signal when it is aborted. */
  async join(signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    this.waiting += 1;
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      this.waiting -= 1;
      left.reject(signal.reason);
      if (this.waiting === 0) this.abandoned.abort(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.result.promise, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Undefined: it failed, or nobody waits for it any longer. */
  async run(): Promise<Answer | undefined> {
    const { signal } = this.abandoned;
    try {
      signal.throwIfAborted();
      const answer = await this.work(signal);
      this.result.resolve(answer);
      return answer;
    } catch (error) {
      this.result.reject(error);
      return undefined;
    }
  }
}
