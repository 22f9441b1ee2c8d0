import { effect, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { liveness, onChange, paused, visible } from '../../api/live.ts';
import { anyNewerThan, type Problem, request } from '../../api/request.ts';
import type { States } from '../../api/types.ts';
import { type Known, merge, UNKNOWN } from './model.ts';

/** The states of all steps, kept up to date by what has changed since: a few bytes for each change. */
export function useStates(taskId: string): Known {
  const known = useMemo(() => signal<Known>(UNKNOWN), [taskId]);
  useEffect(() => {
    let reading = false;
    let again = false;
    let gone = false;
    let at = Date.now();
    const read = async (anyNewer = false): Promise<void> => {
      if (reading) {
        again ||= !anyNewer;
        return;
      }
      reading = true;
      try {
        const { version } = known.peek();
        const query = version === undefined ? '' : `?since=${version}`;
        const maxAgeSeconds = anyNewer ? anyNewerThan(at) : 0;
        const { body, ageSeconds } = await request<States>(`/v1/tasks/${taskId}/states${query}`, { maxAgeSeconds });
        at = Date.now() - ageSeconds * 1000;
        if (!gone && body !== undefined) known.value = merge(known.peek(), body);
      } catch (error) {
        // What the page itself reads shows the problem. A version that the server no longer takes: all of it is read anew.
        if ((error as Problem).status === 400) known.value = UNKNOWN;
      } finally {
        reading = false;
        if (again && !gone) {
          again = false;
          void read();
        }
      }
    };
    void read();
    const unsubscribe = onChange(`task:${taskId}`, () => void read());
    const stop = effect(() => {
      if (paused.value || !visible.value) return undefined;
      const timer = setInterval(() => void read(true), liveness.value === 'events' ? 20_000 : 1500);
      return () => clearInterval(timer);
    });
    return () => {
      gone = true;
      unsubscribe();
      stop();
    };
  }, [taskId, known]);
  return known.value;
}
