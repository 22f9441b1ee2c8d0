import { limit as limitOfPage } from '../api/schemas/common.ts';
import type { Outcome } from './outcome.ts';

/** Each reads up to 20,000 tasks: enough of them that a search of some days is one call, few enough for the rate limit of the API. */
const MOST_REQUESTS = 10;
/** An assistant waits, and so does somebody before it. */
const MOST_MS = 8000;

interface Page {
  readonly items: readonly unknown[];
  readonly next_cursor: string | null;
  readonly complete: boolean;
  readonly scanned_to: string | null;
}

type Ask = (more: Readonly<Record<string, unknown>>) => Promise<Outcome>;

/**
 * A page that ends because it has read enough is no answer yet: reads on until as many tasks are found as were asked for, or for some
 * seconds. Its note has how far back it has read, so that "none found" is not taken for "there is none".
 */
export async function search(ask: Ask, { limit, cursor }: Readonly<Record<string, unknown>>): Promise<Outcome> {
  const began = performance.now();
  const first = await ask({});
  if (first.failed) return first;
  const most = limitOfPage.parse(limit);
  let page = first.data as Page;
  const items = [...page.items];
  let problem: unknown;
  for (let requests = 1; goesOn(page, items.length, most); requests += 1) {
    if (requests === MOST_REQUESTS || performance.now() - began > MOST_MS) break;
    const next = await ask({ limit: most - items.length, cursor: page.next_cursor, count: undefined });
    // What was found is not lost, and the cursor is still good.
    if (next.failed) {
      problem = next.data;
      break;
    }
    page = next.data as Page;
    items.push(...page.items);
  }
  const { items: _items, ...ofFirst } = first.data as Page;
  const { items: _last, ...ofLast } = page;
  return {
    failed: false,
    note: noteOf(page, items.length, cursor !== undefined),
    data: { ...ofFirst, ...ofLast, ...(problem === undefined ? {} : { stopped_by: problem }), items },
  };
}

const goesOn = ({ complete, next_cursor: next }: Page, found: number, most: number): boolean =>
  !complete && next !== null && found < most;

/** A sentence of this program: it has nothing that is stored but a time. */
function noteOf({ complete, next_cursor: next, scanned_to: at }: Page, found: number, isLater: boolean): string {
  const tasks = `${found}${isLater ? ' more' : ''} ${found === 1 ? 'task matches' : 'tasks match'}`;
  if (next === null)
    return `${tasks}. All tasks that there are have been searched${isLater ? ', together with the calls before' : ''}.`;
  const on = 'the same call with "cursor": the next_cursor of the data';
  if (complete) return `${tasks} so far. There are more: ${on} has the next ones.`;
  const far =
    at === null ? 'Not all tasks have been searched' : `Only tasks since ${at} have been searched, and none before`;
  return `${tasks} so far. ${far}: do not say that there are no others. To go on: ${on}.`;
}
