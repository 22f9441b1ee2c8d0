import { PermanentError, RetryableError } from '../../src/errors.ts';

/** One way in which a handler misbehaves, and how a task with such a step must end, whatever else happens to the fleet. */
interface HandlerFaultKind {
  perMinute: number;
  ends: 'complete' | 'error';
  /** Name of the step's last error if the task ends in error. */
  error?: string;
  /** The handler ends its process, so an exit of the process is no surprise. */
  lethal?: boolean;
}

/** Faults of handlers. `perMinute`: submitted tasks with this fault. */
export const HANDLER_FAULTS = {
  // Ends its process at the first attempt; the next attempt succeeds.
  exits: { perMinute: 3, ends: 'complete', lethal: true },
  aborts: { perMinute: 1, ends: 'complete', lethal: true },
  memory_bomb: { perMinute: 2, ends: 'complete', lethal: true },
  unhandled_rejection: { perMinute: 2, ends: 'complete', lethal: true },
  throws_late: { perMinute: 2, ends: 'complete', lethal: true },
  // Ends its process at every attempt.
  poison: { perMinute: 1, ends: 'error', error: 'WorkerDied', lethal: true },
  // Is slow.
  slow: { perMinute: 20, ends: 'complete' },
  blocks_event_loop: { perMinute: 4, ends: 'complete' },
  never_settles: { perMinute: 3, ends: 'complete' },
  // Fails in expected ways.
  throws_twice: { perMinute: 20, ends: 'complete' },
  asks_to_wait: { perMinute: 10, ends: 'complete' },
  gives_up: { perMinute: 3, ends: 'error', error: 'PermanentError' },
  // Returns a result that cannot be stored.
  cyclic: { perMinute: 2, ends: 'error', error: 'UnstorableResult' },
  bigint: { perMinute: 2, ends: 'error', error: 'UnstorableResult' },
  nul_character: { perMinute: 2, ends: 'error', error: 'UnstorableResult' },
  fifty_megabytes: { perMinute: 1, ends: 'error', error: 'UnstorableResult' },
  throwing_getter: { perMinute: 2, ends: 'error', error: 'UnstorableResult' },
  throws_nonsense: { perMinute: 2, ends: 'complete' },
  // Can be stored, and must have no other effect.
  proto: { perMinute: 2, ends: 'complete' },
} as const satisfies Record<string, HandlerFaultKind>;

export type HandlerFault = keyof typeof HANDLER_FAULTS;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a handler does before its effect. `variety`: a number of the task by which tasks differ. */
export async function beforeEffect(
  fault: HandlerFault | undefined,
  attempt: number,
  variety: number,
  signal: AbortSignal,
): Promise<void> {
  const first = attempt === 1;
  switch (fault) {
    case 'exits':
      if (first) process.exit(3);
      break;
    case 'aborts':
      if (first) process.abort();
      break;
    case 'poison':
      // Not process.exit: inside a handler that fails the attempt and ends nothing.
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'memory_bomb':
      if (first) fillMemory();
      break;
    case 'unhandled_rejection':
      if (first) void Promise.reject(new Error('nobody handles this'));
      break;
    case 'throws_late':
      if (first)
        setTimeout(() => {
          throw new Error('thrown where nobody can catch it');
        }, 50);
      break;
    case 'slow':
      await Promise.race([
        sleep(1500 + (variety % 3000)),
        new Promise((_, stop) => signal.addEventListener('abort', () => stop(signal.reason as Error))),
      ]);
      break;
    case 'blocks_event_loop':
      blockFor(1000 + (variety % 6000));
      break;
    case 'never_settles':
      if (first) await new Promise<never>(() => undefined);
      break;
    case 'throws_twice':
      if (attempt <= 2) throw new Error(`attempt ${attempt} fails`);
      break;
    case 'asks_to_wait':
      if (first) throw new RetryableError('busy', { retryAfter: 1 });
      break;
    case 'gives_up':
      throw new PermanentError('never');
    case 'throws_nonsense':
      // oxlint-disable-next-line no-throw-literal
      if (first)
        throw Object.create(null, {
          message: {
            get: () => {
              throw new Error('unreadable');
            },
          },
        });
      break;
    default:
      await sleep(variety % 40);
  }
}

/** What a handler returns after its effect. */
export function resultOf(fault: HandlerFault | undefined, honest: { effect: string; attempt: number }): unknown {
  switch (fault) {
    case 'cyclic': {
      const cyclic: Record<string, unknown> = { ...honest };
      cyclic['self'] = cyclic;
      return cyclic;
    }
    case 'bigint':
      return { ...honest, big: 10n ** 30n };
    case 'nul_character':
      return { ...honest, text: 'a\u0000b' };
    case 'fifty_megabytes':
      return { ...honest, text: 'x'.repeat(50_000_000) };
    case 'throwing_getter':
      return Object.defineProperty({ ...honest }, 'bad', {
        enumerable: true,
        get: () => {
          throw new Error('no luck');
        },
      });
    case 'proto':
      return JSON.parse(
        `{"effect": "${honest.effect}", "attempt": ${honest.attempt}, "__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}`,
      );
    default:
      return honest;
  }
}

function fillMemory(): never {
  const held: number[][] = [];
  for (;;) held.push(Array.from({ length: 1_000_000 }, () => Math.random()));
}

function blockFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
