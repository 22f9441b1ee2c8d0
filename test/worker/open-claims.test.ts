import { expect, it } from 'vitest';
import { OpenClaims } from '../../src/worker/open-claims.ts';

it('a claim is closed with its last step, unless an outcome of it was given up', () => {
  const claims = new OpenClaims();
  claims.opened('whole', 2);
  claims.opened('torn', 2);
  claims.ended('whole');
  claims.leave('torn');
  expect(claims.leftBehind()).toEqual([]);
  claims.ended('whole');
  claims.ended('torn');
  expect(claims.takeClosed()).toEqual(['whole']);
  // Known, so that it is not adopted as a stray and run again.
  expect(claims.isKnown('torn')).toBe(true);
  expect(claims.known()).toEqual(['torn']);
  expect(claims.leftBehind()).toEqual(['torn']);
  claims.recovered(['torn']);
  expect(claims.known()).toEqual([]);
});

it('after a lost lease nothing that ends closes a claim: recovery needs its record', () => {
  const claims = new OpenClaims();
  claims.opened('running', 1);
  claims.opened('closed', 1);
  claims.ended('closed');
  claims.forsake();
  claims.ended('running');
  expect(claims.takeClosed()).toEqual([]);
  claims.opened('of the new lease', 1);
  claims.ended('of the new lease');
  expect(claims.takeClosed()).toEqual(['of the new lease']);
});
