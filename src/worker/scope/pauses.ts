import { QUARANTINE } from '../../db/statements/queues/quarantine.ts';
import type { ChainBounds } from '../../engine/complete.ts';
import type { HandlerRegistry } from './handler-registry.ts';

type Paused = readonly [kind: 'queue' | 'workflow', name: string, seconds: number | null];

/** What a completion may claim children of: see CompleteRequest. */
interface Chain {
  queues: readonly string[];
  namedTaskIds: readonly number[];
  chainBounds: ChainBounds | undefined;
}

/** The longest time that setTimeout takes; a pause that ends later is read again with the next heartbeat anyway. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Which queues and workflows are paused, as the last heartbeat read it. Every claim asks here, so nothing more of them is claimed from then
 * on; what runs goes on. While nothing is paused, everything here returns what it was given.
 */
export class Pauses {
  private readonly handlers: Pick<HandlerRegistry, 'named' | 'namedTaskIds'>;
  private readonly onChange: () => void;
  private names = '';
  private queues: ReadonlySet<string> = new Set();
  private workflows: ReadonlySet<string> = new Set();
  /** The list that `open` was made of, and what is left of it. */
  private served: readonly string[] | undefined;
  private open: readonly string[] = [];
  private ending: NodeJS.Timeout | undefined;

  /** `onChange`: more, or less, may be claimed from now on. */
  constructor(handlers: Pick<HandlerRegistry, 'named' | 'namedTaskIds'>, onChange: () => void) {
    this.handlers = handlers;
    this.onChange = onChange;
  }

  /** Takes over what the database has: PAUSES_TEXT; null: nothing is paused. */
  read(text: string | null): void {
    if (text === null && this.names === '') return;
    this.set(text === null ? [] : (JSON.parse(text) as Paused[]));
  }

  /** Whether steps of this queue may be claimed now. */
  isOpen(queue: string): boolean {
    return this.queues.size === 0 || !this.isPaused(queue);
  }

  /** These queues without those that are paused; a quarantine is paused with its queue. For one statement: the next one asks again. */
  openQueues(served: readonly string[]): readonly string[] {
    if (this.queues.size === 0) return served;
    if (this.served !== served) {
      this.served = served;
      this.open = served.filter((queue) => !this.isPaused(queue));
    }
    return this.open;
  }

  /** The ids of the workflows with handlers here, without those that are paused. */
  get openWorkflows(): readonly number[] {
    if (this.workflows.size === 0) return this.handlers.namedTaskIds;
    return this.handlers.named
      .filter(({ namespace, name }) => !this.workflows.has(`${namespace}/${name}`))
      .map(({ namedTaskId }) => namedTaskId);
  }

  openChain(served: readonly string[], bounds: ChainBounds | undefined): Chain {
    const namedTaskIds = this.openWorkflows;
    const queues = this.openQueues(served);
    if (queues === served || bounds === undefined) return { queues, namedTaskIds, chainBounds: bounds };
    const { ranges, leastUrgent } = bounds;
    return {
      queues,
      namedTaskIds,
      chainBounds: {
        ranges: ranges.filter(({ queue }) => !this.isPaused(queue)),
        // One for each queue, in their order.
        leastUrgent:
          typeof leastUrgent === 'number'
            ? leastUrgent
            : leastUrgent.filter((_, index) => !this.isPaused(served[index] as string)),
      },
    };
  }

  private isPaused(queue: string): boolean {
    return this.queues.has(queue.endsWith(QUARANTINE) ? queue.slice(0, -QUARANTINE.length) : queue);
  }

  private set(paused: readonly Paused[]): void {
    clearTimeout(this.ending);
    const first = Math.min(...paused.map(([, , seconds]) => seconds ?? Infinity)) * 1000;
    // The next heartbeat finds it ended as well; this is sooner.
    if (first <= LONGEST_TIMEOUT_MS) this.ending = setTimeout(() => this.ended(paused, first), first).unref();
    const names = paused.map(([kind, name]) => `${kind} ${name}`).join('\n');
    if (names === this.names) return;
    this.names = names;
    const of = (kind: Paused[0]): Set<string> =>
      new Set(paused.filter(([found]) => found === kind).map(([, name]) => name));
    this.queues = of('queue');
    this.workflows = of('workflow');
    this.served = undefined;
    this.onChange();
  }

  private ended(paused: readonly Paused[], afterMs: number): void {
    this.set(
      paused
        .map(([kind, name, seconds]): Paused => [kind, name, seconds === null ? null : seconds - afterMs / 1000])
        .filter(([, , seconds]) => seconds === null || seconds > 0),
    );
  }
}
