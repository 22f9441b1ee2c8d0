import type { OrderedSource } from './task-sources.ts';

/**
 * Which of several sources a page reads. Each has every task of the list in the order of ids, so a page may change from one to another anywhere; and the one with the fewest
 * other tasks is the one that passes the most ids at the same cost.
 */
export class SourceRace {
  private readonly untried: OrderedSource[];
  private current: OrderedSource;
  private readonly idsPerCost = new Map<OrderedSource, number>();

  constructor([first = 'all', ...others]: readonly OrderedSource[]) {
    this.current = first;
    this.untried = others;
  }

  /** `isSparse`: the page that is being read would not be full by the current one. */
  next(isSparse: boolean): OrderedSource {
    if (isSparse) this.current = this.untried.shift() ?? this.best();
    return this.current;
  }

  /** The source has come down by `ids` ids. */
  passed(source: OrderedSource, { cost, ids }: { cost: number; ids: bigint }): void {
    this.idsPerCost.set(source, Number(ids) / cost);
  }

  private best(): OrderedSource {
    const [best = [this.current]] = [...this.idsPerCost].toSorted(([, a], [, b]) => b - a);
    return best[0];
  }
}
