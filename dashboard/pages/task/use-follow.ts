import { useEffect } from 'preact/hooks';
import { queryOf, setQuery } from '../../router.ts';
import type { StepView } from './model.ts';

/** Whoever follows sees the step that runs: the selection goes with it. */
export function useFollow(steps: readonly StepView[], selected: string | undefined): void {
  const follows = queryOf('follow') === 'yes';
  const running = follows ? steps.find(({ phase }) => phase === 'running')?.name : undefined;
  useEffect(() => {
    const isRunning = steps.some(({ name, phase }) => name === selected && phase === 'running');
    if (running !== undefined && !isRunning) setQuery({ step: running });
  }, [running]);
}
