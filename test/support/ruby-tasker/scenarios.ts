import type { RubyStep, RubyTask } from './rows.ts';

const HOUR = 3600;
const done = (name: string, parents: string[] = []): RubyStep => ({
  name,
  parents,
  states: ['in_progress', 'complete'],
  attempts: 1,
  attemptedSecondsAgo: 20 * HOUR,
  results: { of: name },
});
const fresh = (name: string, parents: string[] = []): RubyStep => ({ name, parents });
const failed = (name: string, parents: string[] = [], given: Partial<RubyStep> = {}): RubyStep => ({
  name,
  parents,
  states: ['in_progress', 'error'],
  attempts: 1,
  attemptedSecondsAgo: 20 * HOUR,
  results: { error: 'no route', error_class: 'Net::OpenTimeout', backtrace: ['a.rb:1', 'b.rb:2'] },
  ...given,
});

const STEPS = { validate: [], charge: ['validate'], pack: ['validate'], ship: ['charge', 'pack'] } as const;
type Name = keyof typeof STEPS;

/** The four steps of an order, made by the function of each. */
function order(make: Partial<Record<Name, (name: string, parents: string[]) => RubyStep>>): RubyStep[] {
  return (Object.keys(STEPS) as Name[]).map((name) => (make[name] ?? fresh)(name, [...STEPS[name]]));
}

const all = (step: (name: string, parents: string[]) => RubyStep): RubyStep[] =>
  order({ validate: step, charge: step, pack: step, ship: step });

export interface Scenario {
  name: string;
  task: Omit<RubyTask, 'id'>;
  /** State here; undefined: it is left out. */
  becomes?: string;
  /** Why it is left out. */
  left?: string;
  /** Whether it ends by itself once a worker has the workflow. Default: whether it is in progress or pending. */
  ends?: boolean;
  /** Steps that must not run here. */
  never?: readonly string[];
}

const going = ['in_progress', 'pending'];

/** What the databases of Tasker (Ruby) hold, one by one. Of releases before 2.0, whose states are columns, `transitions` has no use. */
export const SCENARIOS: readonly (Scenario & { transitions?: true })[] = [
  {
    name: 'complete',
    task: { states: ['in_progress', 'complete'], complete: true, steps: all(done) },
    becomes: 'complete',
    never: Object.keys(STEPS),
  },
  { name: 'fresh', task: { steps: all(fresh) }, becomes: 'pending', ends: true },
  {
    name: 'partial',
    task: { states: going, steps: order({ validate: done, charge: done }) },
    becomes: 'in_progress',
    ends: true,
    never: ['validate', 'charge'],
  },
  {
    name: 'all done but open',
    task: { states: going, steps: all(done) },
    becomes: 'complete',
    never: Object.keys(STEPS),
  },
  {
    name: 'due',
    task: { states: going, steps: order({ validate: done, charge: failed }) },
    becomes: 'in_progress',
    ends: true,
    never: ['validate'],
  },
  {
    name: 'explicit backoff',
    task: {
      states: going,
      steps: order({
        validate: done,
        charge: (n, p) => failed(n, p, { backoffSeconds: 7200, attemptedSecondsAgo: 60 }),
      }),
    },
    becomes: 'in_progress',
    ends: true,
  },
  {
    name: 'backoff without an attempt',
    task: {
      states: going,
      steps: order({ validate: done, charge: (n, p) => ({ ...fresh(n, p), backoffSeconds: 30 }) }),
    },
    becomes: 'in_progress',
    ends: true,
  },
  {
    name: 'exhausted',
    task: {
      states: ['in_progress', 'error'],
      steps: order({ validate: done, pack: done, charge: (n, p) => failed(n, p, { attempts: 3 }) }),
    },
    becomes: 'error',
    never: ['validate', 'pack', 'charge', 'ship'],
  },
  {
    name: 'exhausted, task open',
    task: {
      states: going,
      steps: order({ validate: done, pack: done, charge: (n, p) => failed(n, p, { attempts: 3 }) }),
    },
    becomes: 'error',
    never: ['validate', 'pack', 'charge', 'ship'],
  },
  {
    name: 'not retryable, failed',
    task: {
      states: going,
      steps: order({ validate: done, pack: done, charge: (n, p) => failed(n, p, { retryable: false }) }),
    },
    becomes: 'error',
    never: ['charge'],
  },
  {
    name: 'in flight for a day',
    task: {
      states: ['in_progress'],
      steps: order({
        validate: done,
        pack: done,
        charge: (n, p) => ({ ...fresh(n, p), states: ['in_progress'], attempts: 0 }),
      }),
    },
    becomes: 'error',
    never: ['validate', 'charge'],
  },
  {
    name: 'in flight just now',
    task: {
      states: ['in_progress'],
      secondsAgo: 5,
      steps: order({
        validate: done,
        charge: (n, p) => ({ ...fresh(n, p), states: ['in_progress'], attemptedSecondsAgo: 5 }),
      }),
    },
    left: 'in_flight',
  },
  {
    name: 'cancelled',
    task: { states: ['in_progress', 'cancelled'], steps: order({ validate: done }) },
    becomes: 'cancelled',
    never: Object.keys(STEPS),
  },
  {
    name: 'cancelled step',
    task: {
      states: going,
      steps: order({ validate: done, pack: done, charge: (n, p) => ({ ...fresh(n, p), states: ['cancelled'] }) }),
    },
    becomes: 'error',
    never: ['charge', 'ship'],
  },
  {
    name: 'resolved step',
    task: {
      states: going,
      steps: order({
        validate: done,
        pack: done,
        charge: (n, p) => failed(n, p, { states: ['in_progress', 'error', 'resolved_manually'] }),
      }),
    },
    becomes: 'in_progress',
    ends: true,
    never: ['validate', 'pack', 'charge'],
  },
  {
    name: 'resolved task',
    task: {
      states: ['in_progress', 'error', 'resolved_manually'],
      complete: true,
      steps: order({ validate: done, charge: (n, p) => failed(n, p, { attempts: 3 }) }),
    },
    becomes: 'resolved_manually',
    never: Object.keys(STEPS),
  },
  {
    name: 'reset',
    transitions: true,
    task: {
      states: ['in_progress', 'error', 'pending'],
      steps: order({ validate: done, charge: (n, p) => failed(n, p, { states: ['in_progress', 'error', 'pending'] }) }),
    },
    becomes: 'in_progress',
    ends: true,
  },
  {
    name: 'attempts null',
    task: { steps: order({ validate: (n, p) => ({ ...fresh(n, p), attempts: null }) }) },
    becomes: 'pending',
    ends: true,
  },
  {
    name: 'limit null',
    task: { steps: order({ validate: (n, p) => ({ ...fresh(n, p), retryLimit: null }) }) },
    becomes: 'pending',
    ends: true,
  },
  {
    name: 'limit 0',
    task: { steps: order({ validate: (n, p) => ({ ...fresh(n, p), retryLimit: 0 }) }) },
    becomes: 'error',
    never: Object.keys(STEPS),
  },
  {
    name: 'complete, then cancelled',
    transitions: true,
    task: { states: ['in_progress', 'complete', 'cancelled'], complete: true, steps: all(done) },
    becomes: 'cancelled',
    never: Object.keys(STEPS),
  },
  { name: 'no steps', task: { steps: [] }, left: 'no_steps' },
  {
    name: 'complete before 2.0',
    transitions: true,
    task: { complete: true, steps: all((n, p) => ({ ...done(n, p), states: [], processed: true })) },
    becomes: 'complete',
    never: Object.keys(STEPS),
  },
  {
    name: 'half done before 2.0',
    transitions: true,
    task: {
      steps: order({
        validate: (n, p) => ({ ...done(n, p), states: [], processed: true }),
        charge: (n, p) => failed(n, p, { states: [] }),
      }),
    },
    becomes: 'in_progress',
    ends: true,
    never: ['validate'],
  },
  {
    name: 'a first row of sort key 0',
    transitions: true,
    task: {
      states: ['pending'],
      steps: order({
        validate: (n, p) => ({
          ...fresh(n, p),
          states: ['pending', 'in_progress', 'complete'],
          sortKeys: [0, 10, 20],
          processed: true,
        }),
      }),
    },
    becomes: 'in_progress',
    ends: true,
    never: ['validate'],
  },
  { name: 'unknown state', transitions: true, task: { states: ['paused'], steps: all(fresh) }, left: 'unknown_state' },
  {
    name: 'a name twice',
    task: { states: going, steps: [...order({ validate: done, pack: done }), { ...fresh('pack', ['validate']) }] },
    becomes: 'in_progress',
    ends: true,
    never: ['validate', 'pack'],
  },
  {
    name: 'bypass, annotations and odd contexts',
    task: {
      steps: all(fresh),
      bypassSteps: ['charge'],
      annotations: { customer: { id: 42, name: 'Ada', more: { deep: true } }, note: 'vip' },
      context: '{"n": 12345678901234567890, "d": 19.900000000000000001, "__proto__": {"a": 1}, "u": "\u2028"}',
    },
    becomes: 'pending',
    ends: true,
  },
  { name: 'cycle', task: { steps: [fresh('validate', ['ship']), fresh('ship', ['validate'])] }, left: 'cycle' },
  { name: 'self edge', task: { steps: [fresh('validate', ['validate'])] }, left: 'self_edge' },
  { name: 'context null', task: { steps: all(fresh), context: null }, becomes: 'pending', ends: true },
  { name: 'another graph', task: { steps: [fresh('validate'), fresh('ship', ['validate'])] }, becomes: 'pending' },
];
