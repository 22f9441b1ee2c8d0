import { setFlagsFromString } from 'node:v8';

/**
 * V8 collects its old generation once it has grown by this share of what lives in it; by itself it waits for up to three times
 * as much on a machine with memory to spare. What a worker has in hand outlives a young collection and is garbage soon after, so
 * the old generation is mostly garbage. Measured over a million steps at full load: with twice as much 10 MB more, at a sixth less CPU time.
 */
const GROWTH_PERCENT = 25;

/**
 * Called by every process that stays, before it loads what it needs: a limit that V8 has set while modules were loaded, all of
 * which is garbage later, stays for good. At full load that was more than 25 MB. One that was started with the option of its own keeps that.
 */
export function boundHeapGrowth(execArgv: readonly string[] = process.execArgv): boolean {
  if (execArgv.some((flag) => flag.replaceAll('_', '-').startsWith('--heap-growing-percent'))) return false;
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  return true;
}
