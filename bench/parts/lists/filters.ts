import type { TaskPageOptions } from '../../../src/index.ts';
import { NEW_WORKFLOW, OLD_WORKFLOW, RARE_WORKFLOW, workflowName } from './history.ts';

/** What the history has, for filters whose values are drawn anew for each page. */
export interface Drawn {
  /** A whole number from 0 on, below `below`. */
  number(below: number): number;
  /** A moment of the history, from 0, its beginning, to 1, now. */
  time(from: number): Date;
  /** A task and the workflow that it has. */
  task(): { id: number; workflow: string };
}

type Filter = Omit<TaskPageOptions, 'cursor' | 'after' | 'limit'>;

/**
 * Every filter that has an index, alone and as people combine them. `once`: only the first page is asked for, because a place in the
 * middle is meaningless.
 */
export const FILTERS: Readonly<Record<string, { of: (drawn: Drawn) => Filter; once?: true }>> = {
  none: { of: () => ({}) },
  pending: { of: () => ({ states: ['pending'] }) },
  'in progress': { of: () => ({ states: ['in_progress'] }) },
  error: { of: () => ({ states: ['error'] }) },
  'open: pending, in progress, error': { of: () => ({ states: ['pending', 'in_progress', 'error'] }) },
  'cancelled, resolved by hand': { of: () => ({ states: ['cancelled', 'resolved_manually'] }) },
  cancelled: { of: () => ({ states: ['cancelled'] }) },
  'resolved by hand (one in 1,000)': { of: () => ({ states: ['resolved_manually'] }) },
  complete: { of: () => ({ states: ['complete'] }) },
  'a usual workflow': { of: ({ number }) => ({ namespace: 'lists', workflow: workflowName(1 + number(27)) }) },
  'a workflow with one task in 20,000': { of: () => ({ namespace: 'lists', workflow: RARE_WORKFLOW }) },
  'a workflow that is new': { of: () => ({ namespace: 'lists', workflow: NEW_WORKFLOW }) },
  'a workflow of long ago': { of: () => ({ namespace: 'lists', workflow: OLD_WORKFLOW }) },
  'a namespace': { of: () => ({ namespace: 'lists' }) },
  'a workflow and error': {
    of: ({ number }) => ({ namespace: 'lists', workflow: workflowName(1 + number(27)), states: ['error'] }),
  },
  'a tag of one task in 2,500': { of: ({ number }) => ({ tags: [`tenant-${number(500)}`] }) },
  'a tag of one task in 100': { of: () => ({ tags: ['vip'] }) },
  'a tag of one task in 10': { of: () => ({ tags: ['bulk'] }) },
  'a tag of one task in 200,000': { of: () => ({ tags: ['audit'] }) },
  'a tag of long ago': { of: () => ({ tags: ['migrated'] }) },
  'two tags': { of: ({ number }) => ({ tags: [`tenant-${number(250) * 2}`, 'bulk'] }) },
  'a tag and error': { of: () => ({ tags: ['vip'], states: ['error'] }) },
  'an initiator of one task in 5': { of: () => ({ initiator: 'api' }) },
  'an initiator of one task in 12,500': { of: ({ number }) => ({ initiator: `user-${number(1000)}` }) },
  'an initiator of one task in 500,000': { of: () => ({ initiator: 'root' }) },
  'an initiator that is none': { of: () => ({ initiator: 'nobody' }) },
  'a schedule': { of: ({ number }) => ({ schedule: `nightly-${number(20)}` }) },
  'a key': {
    of: ({ task }) => {
      const { id, workflow } = task();
      return { namespace: 'lists', workflow, key: `order-${id}` };
    },
    once: true,
  },
  'an error of one failure in 4': { of: () => ({ error: 'econnreset' }) },
  'an error of one failure in 1,000': { of: ({ number }) => ({ error: `host-${number(1000)}.` }) },
  // Of this workflow a customer has some ten tasks in ten million.
  'a value of an input, path enabled': {
    of: ({ number }) => ({
      namespace: 'lists',
      workflow: workflowName(1),
      inputHas: [[`{"customer":${number(190_000)}}`]],
    }),
  },
  'since some time': { of: ({ time }) => ({ requestedSince: time(0.5) }), once: true },
  'before some time': { of: ({ time }) => ({ requestedBefore: time(0) }), once: true },
  'a day': {
    of: ({ time }) => {
      const requestedSince = time(0);
      return { requestedSince, requestedBefore: new Date(requestedSince.getTime() + 86_400_000) };
    },
    once: true,
  },
  'a day and a usual workflow': {
    of: ({ time, number }) => {
      const requestedSince = time(0);
      const requestedBefore = new Date(requestedSince.getTime() + 86_400_000);
      return { requestedSince, requestedBefore, namespace: 'lists', workflow: workflowName(1 + number(27)) };
    },
    once: true,
  },
};
