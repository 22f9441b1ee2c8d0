import { describe, expect, it } from 'vitest';
import { ClaimLedger } from '../../src/worker/scope/claim-ledger.ts';

describe('a claim in the ledger', () => {
  it('is closed when all its steps have ended in the database', () => {
    const claims = new ClaimLedger();
    claims.opened('a', 2);
    claims.stepEnded('a');
    expect(claims.takeClosed()).toEqual([]);
    claims.stepEnded('a');
    expect(claims.takeClosed()).toEqual(['a']);
    expect(claims.takeClosed()).toEqual([]);
  });

  it('is not closed if a step ended here alone: the search for orphaned claims reads the database first', () => {
    const claims = new ClaimLedger();
    claims.opened('a', 3);
    claims.stepEnded('a');
    claims.stepDropped('a');
    claims.stepEnded('a');
    expect(claims.takeClosed()).toEqual([]);
    expect(claims.known()).toEqual([]);
    // It did, and nothing is left of the claim.
    claims.nothingLeft('a');
    expect(claims.takeClosed()).toEqual(['a']);
  });

  it('is left to that search if the database may be in an earlier state, also one that a statement under way carries', () => {
    const claims = new ClaimLedger();
    claims.opened('on its way', 1);
    claims.stepEnded('on its way');
    const onItsWay = claims.takeClosed();
    claims.opened('waiting', 1);
    claims.stepEnded('waiting');
    claims.distrustClosed();
    expect(onItsWay).toEqual([]);
    expect(claims.takeClosed()).toEqual([]);
    claims.restoreClosed(onItsWay);
    expect(claims.known()).toEqual([]);
  });
});

it('a claim is closed with its last step, unless an outcome of it was given up', () => {
  const claims = new ClaimLedger();
  claims.opened('whole', 2);
  claims.opened('torn', 2);
  claims.stepEnded('whole');
  claims.stepLeft('torn');
  expect(claims.leftToRecovery()).toEqual([]);
  claims.stepEnded('whole');
  claims.stepEnded('torn');
  expect(claims.takeClosed()).toEqual(['whole']);
  // Known, so that it is not adopted as an orphan and run again.
  expect(claims.isKnown('torn')).toBe(true);
  expect(claims.known()).toEqual(['torn']);
  expect(claims.leftToRecovery()).toEqual(['torn']);
  claims.recovered(['torn']);
  expect(claims.known()).toEqual([]);
});

it('after a lost lease nothing that ends closes a claim: recovery needs its record', () => {
  const claims = new ClaimLedger();
  claims.opened('running', 1);
  claims.opened('closed', 1);
  claims.stepEnded('closed');
  claims.leaseLost();
  claims.stepEnded('running');
  expect(claims.takeClosed()).toEqual([]);
  claims.opened('of the new lease', 1);
  claims.stepEnded('of the new lease');
  expect(claims.takeClosed()).toEqual(['of the new lease']);
});
