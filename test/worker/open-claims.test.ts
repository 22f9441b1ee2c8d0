import { describe, expect, it } from 'vitest';
import { OpenClaims } from '../../src/worker/open-claims.ts';

describe('the claims that a worker knows of', () => {
  it('may be forgotten by the database when all their steps have ended there', () => {
    const claims = new OpenClaims();
    claims.opened('a', 2);
    claims.ended('a');
    expect(claims.takeClosed()).toEqual([]);
    claims.ended('a');
    expect(claims.takeClosed()).toEqual(['a']);
    expect(claims.takeClosed()).toEqual([]);
  });

  it('may not, where a step ended here alone: the look for strays asks the database first', () => {
    const claims = new OpenClaims();
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
    const claims = new OpenClaims();
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
