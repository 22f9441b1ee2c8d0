import { describe, expect, test } from 'vitest';
import {
  CAUSES,
  STATES,
  STEP_TRANSITIONS,
  TASK_TRANSITIONS,
  type Transition,
  isFinal,
  stateDiagram,
} from '../../src/workflow/states.ts';

const targets = (transitions: readonly Transition[], from: string) =>
  transitions.filter((transition) => transition.from === from).map(({ to }) => to);

const isLegalTransition = (transitions: readonly Transition[], from: string, to: string, cause?: string): boolean =>
  transitions.some(
    (legal) =>
      legal.from === from &&
      legal.to === to &&
      (cause === undefined || (legal.causes as readonly string[]).includes(cause)),
  );

describe('the states of a step', () => {
  test.each([
    ['pending', ['in_progress', 'error', 'resolved_manually', 'cancelled']],
    ['in_progress', ['complete', 'error', 'pending', 'cancelled']],
    ['error', ['pending', 'resolved_manually', 'cancelled']],
    ['complete', []],
    ['cancelled', []],
    ['resolved_manually', []],
  ])('%s leads to %j', (from, to) => expect(targets(STEP_TRANSITIONS, from)).toEqual(to));

  test('an attempt is released only from in_progress', () => {
    expect(isLegalTransition(STEP_TRANSITIONS, 'in_progress', 'pending', 'released')).toBe(true);
    expect(isLegalTransition(STEP_TRANSITIONS, 'error', 'pending', 'released')).toBe(false);
    expect(isLegalTransition(STEP_TRANSITIONS, 'error', 'pending', 'retry_due')).toBe(true);
    expect(isLegalTransition(STEP_TRANSITIONS, 'pending', 'complete')).toBe(false);
    expect(isLegalTransition(STEP_TRANSITIONS, 'pending', 'in_progress')).toBe(true);
  });
});

describe('the states of a task', () => {
  test.each([
    ['pending', ['in_progress', 'cancelled']],
    ['in_progress', ['complete', 'error', 'cancelled']],
    ['error', ['in_progress', 'resolved_manually']],
    ['complete', []],
    ['cancelled', []],
    ['resolved_manually', []],
  ])('%s leads to %j', (from, to) => expect(targets(TASK_TRANSITIONS, from)).toEqual(to));
});

describe.each([
  ['step', STEP_TRANSITIONS],
  ['task', TASK_TRANSITIONS],
])('the table of %s transitions', (_, transitions) => {
  test('has each pair of states once, each with a cause, none to itself', () => {
    const pairs = transitions.map(({ from, to }) => `${from} ${to}`);
    expect(new Set(pairs).size).toBe(pairs.length);
    for (const { from, to, causes } of transitions) {
      expect(from).not.toBe(to);
      expect(causes.length).toBeGreaterThan(0);
    }
  });

  test('lets nothing out of a final state, and something out of every other', () => {
    for (const state of STATES) expect(targets(transitions, state).length === 0).toBe(isFinal(state));
  });

  test('reaches every state from pending', () => {
    const reached = new Set<string>(['pending']);
    for (const state of reached) for (const to of targets(transitions, state)) reached.add(to);
    expect([...reached].toSorted()).toEqual([...STATES].sort());
  });
});

test('every cause is used, and explained', () => {
  const used = new Set([...STEP_TRANSITIONS, ...TASK_TRANSITIONS].flatMap(({ causes }) => causes));
  expect([...used].toSorted()).toEqual(Object.keys(CAUSES).toSorted());
});

test('an unknown state is not final', () => expect(isFinal('no such state')).toBe(false));

test('the diagram has an arrow for every transition, a beginning and the ends', () => {
  expect(stateDiagram(TASK_TRANSITIONS)).toBe(
    [
      'stateDiagram-v2',
      '  [*] --> pending',
      '  pending --> in_progress: claim, operator_resolve',
      '  pending --> cancelled: cancel',
      '  in_progress --> complete: complete, operator_resolve',
      '  in_progress --> error: step_blocked',
      '  in_progress --> cancelled: cancel',
      '  error --> in_progress: operator_retry, operator_resolve',
      '  error --> resolved_manually: operator_resolve',
      '  complete --> [*]',
      '  cancelled --> [*]',
      '  resolved_manually --> [*]',
      '',
    ].join('\n'),
  );
});
