import { describe, expect, it } from 'vitest';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';

describe('the claims that a worker knows of', () => {
  it('may be forgotten by the database when all their steps have ended there', () => {
    const claims = new ClaimLedger();
    claims.opened('a', 2);
    claims.ended('a');
    expect(claims.takeClosed()).toEqual([]);
    claims.ended('a');
    expect(claims.takeClosed()).toEqual(['a']);
    expect(claims.takeClosed()).toEqual([]);
  });

  it('may not, where a step ended here alone: the look for strays asks the database first', () => {
    const claims = new ClaimLedger();
    claims.opened('a', 3);
    claims.ended('a');
    claims.dropped('a');
    claims.ended('a');
    expect(claims.takeClosed()).toEqual([]);
    expect(claims.known()).toEqual([]);
    // It asked, and nothing is left of it.
    claims.forget('a');
    expect(claims.takeClosed()).toEqual(['a']);
  });

  it('are all left to that look where the database may be in an earlier state, those of statements on their way too', () => {
    const claims = new ClaimLedger();
    claims.opened('on its way', 1);
    claims.ended('on its way');
    const onItsWay = claims.takeClosed();
    claims.opened('waiting', 1);
    claims.ended('waiting');
    claims.distrust();
    expect(onItsWay).toEqual([]);
    expect(claims.takeClosed()).toEqual([]);
    claims.untake(onItsWay);
    expect(claims.known()).toEqual([]);
  });
});

it('a claim is closed with its last step, unless an outcome of it was given up', () => {
  const claims = new ClaimLedger();
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
  const claims = new ClaimLedger();
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
