import { setTimeout as sleep } from 'node:timers/promises';

export async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** The one line that the peers part reads. */
export function report(steps: number, ms: number): void {
  console.log(`PEER ${JSON.stringify({ steps, seconds: ms / 1000 })}`);
}
