/** The loads of the throughput and latency parts: workflows whose handlers do nothing, so that only the engine is measured. */
import { z } from 'zod';
import { defineWorkflow, type WorkflowDefinition } from '../../src/index.ts';

const noop = (): null => null;
const input = z.object({ n: z.number() });
const define = (name: string) => defineWorkflow({ namespace: 'bench', name, version: '1.0.0', input });

/** A workflow built in a loop: the typed builder's names are literals, here they are computed. */
interface LooseBuilder extends WorkflowDefinition {
  step(
    name: string,
    options: { dependsOn?: string[]; queue?: string },
    handler: () => null | Promise<null>,
  ): LooseBuilder;
}
const loose = (name: string): LooseBuilder => define(name) as unknown as LooseBuilder;

export const single: WorkflowDefinition = define('single').step('only', noop);

export const diamond: WorkflowDefinition = define('diamond')
  .step('a', noop)
  .step('b', { dependsOn: ['a'] }, noop)
  .step('c', { dependsOn: ['a'] }, noop)
  .step('d', { dependsOn: ['b', 'c'] }, noop);

/** The same shape in a queue of its own, for measurements beside a filled default queue. */
export const elsewhere: WorkflowDefinition = define('elsewhere')
  .step('a', { queue: 'elsewhere' }, noop)
  .step('b', { dependsOn: ['a'], queue: 'elsewhere' }, noop)
  .step('c', { dependsOn: ['a'], queue: 'elsewhere' }, noop)
  .step('d', { dependsOn: ['b', 'c'], queue: 'elsewhere' }, noop);

export const chain: WorkflowDefinition = Array.from({ length: 10 }, (_, index) => index + 1).reduce(
  (built, n) => built.step(`s${n}`, n === 1 ? {} : { dependsOn: [`s${n - 1}`] }, noop),
  loose('chain'),
);

export const FAN_WIDTH = 1000;
const fanNames = Array.from({ length: FAN_WIDTH }, (_, index) => `m${index + 1}`);
export const fan: WorkflowDefinition = fanNames
  .reduce((built, name) => built.step(name, { dependsOn: ['first'] }, noop), loose('fan').step('first', {}, noop))
  .step('last', { dependsOn: fanNames }, noop);

/** A thousand steps that take a second each, in a queue of their own: a task that somebody watches. */
const watchedNames = Array.from({ length: 998 }, (_, index) => `m${index + 1}`);
export const watched: WorkflowDefinition = [...watchedNames, 'last'].reduce(
  (built, name) =>
    built.step(
      name,
      { dependsOn: name === 'last' ? watchedNames : ['first'], queue: 'watched' },
      () => new Promise((resolve) => setTimeout(resolve, 1000, null)),
    ),
  loose('watched').step('first', { queue: 'watched' }, noop),
);

/** Nine steps: two roots, a join, a fan of three, a second join and a tail. */
export const mixed: WorkflowDefinition = define('mixed')
  .step('a', noop)
  .step('b', noop)
  .step('c', { dependsOn: ['a', 'b'] }, noop)
  .step('d', { dependsOn: ['c'] }, noop)
  .step('e', { dependsOn: ['c'] }, noop)
  .step('f', { dependsOn: ['c', 'b'] }, noop)
  .step('g', { dependsOn: ['d', 'e', 'f'] }, noop)
  .step('h', { dependsOn: ['a'] }, noop)
  .step('i', { dependsOn: ['g', 'h'] }, noop);
