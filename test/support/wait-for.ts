import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitForOptions {
  /** What the test waits for; part of the failure message: "waited 5000 ms for <what>". */
  what: string;
  /** Default 10 s: generous, because only a failing test waits for the whole time. */
  timeoutMs?: number;
  intervalMs?: number;
}

type Awaited<Value> = Value | Promise<Value>;
type Truthy<Value> = Exclude<Value, false | null | undefined | 0 | ''>;

/**
 * Polls until `condition` returns something truthy, and returns that. A condition that throws counts as not yet met;
 * the failure message contains its last error or its last value.
 */
export async function waitFor<Value>(
  condition: () => Awaited<Value>,
  { what, timeoutMs = 10_000, intervalMs = 20 }: WaitForOptions,
): Promise<Truthy<Value>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let seen: string;
    let cause: unknown;
    try {
      const value = await condition();
      if (value) return value as Truthy<Value>;
      seen = `the condition last returned ${String(value)}`;
    } catch (error) {
      cause = error;
      seen = `the condition last threw ${String(error)}`;
    }
    if (Date.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${what}; ${seen}`, { cause });
    await sleep(intervalMs);
  }
}
