import { useEffect, useState } from 'preact/hooks';
import { type Problem, request } from '../../api/request.ts';
import type { Page, Transition } from '../../api/types.ts';

/** Pages of 200 that are read for the timeline: enough for a task of some hundred steps. */
const MOST_PAGES = 10;

export interface History {
  readonly rows: readonly Transition[];
  /** There is more than was read. */
  readonly incomplete: boolean;
  /** It was read: without rows nothing has happened. */
  readonly known: boolean;
  /** Why it was not. */
  readonly problem?: Problem;
}

/** The transitions of a task, read again when `version` is another one. Only while somebody looks at them. */
export function useHistory(taskId: string, version: string | undefined, wanted: boolean): History {
  const [history, setHistory] = useState<History>({ rows: [], incomplete: false, known: false });
  useEffect(() => {
    if (!wanted) return undefined;
    const reading = new AbortController();
    const read = async (): Promise<void> => {
      const rows: Transition[] = [];
      let cursor: string | null = '';
      for (let page = 0; page < MOST_PAGES && cursor !== null; page += 1) {
        const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const { body } = await request<Page<Transition>>(`/v1/tasks/${taskId}/history?limit=200${query}`, {
          signal: reading.signal,
        });
        rows.push(...(body?.items ?? []));
        cursor = body?.next_cursor ?? null;
      }
      setHistory({ rows, incomplete: cursor !== null, known: true });
    };
    // The API is away: what was read before stays.
    read().catch((error: Problem) => {
      if (!reading.signal.aborted) setHistory((before) => ({ ...before, problem: error }));
    });
    return () => reading.abort();
  }, [taskId, version, wanted]);
  return history;
}
