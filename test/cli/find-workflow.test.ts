import { expect, it } from 'vitest';
import { findWorkflow } from '../../src/cli/find-workflow.ts';
import { InvalidInputError, UnknownWorkflowError } from '../../src/errors.ts';
import { another, current, legacy, other } from './schedule-workflows.ts';

const definitions = [current, legacy, other, another];

it.each([
  ['report', current, false],
  ['hb/report', current, false],
  ['report@1.0.0', legacy, true],
  ['hb/report@1.0.0', legacy, true],
  ['another/mail', another, false],
])('%s', (reference, definition, pinned) => {
  expect(findWorkflow(reference, definitions)).toEqual({ definition, pinned });
});

it('refuses what is ambiguous with the candidates, and what is not there with what is', () => {
  expect(() => findWorkflow('mail', definitions)).toThrow(InvalidInputError);
  expect(() => findWorkflow('mail', definitions)).toThrow(
    /name one of another\/mail@0.1.0, other\/mail@0.1.0|name one of other\/mail@0.1.0, another\/mail@0.1.0/,
  );
  expect(() => findWorkflow('report@3', definitions)).toThrow(UnknownWorkflowError);
  expect(() => findWorkflow('report@3', definitions)).toThrow(/they export hb\/report@2.0.0, hb\/report@1.0.0/);
  expect(() => findWorkflow('a/b/c', definitions)).toThrow(/write \[namespace\/\]name\[@version\]/);
});
