import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { keepSeconds, readKeepSetting } from '../../src/keep-policy.ts';

describe('a time for which tasks are kept', () => {
  it.each([
    ['30d', 2_592_000],
    ['1s', 1],
    ['90m', 5400],
    ['12h', 43_200],
    ['2w', 1_209_600],
    ['100y', 3_153_600_000],
    ['forever', null],
  ])('%s', (text, seconds) => expect(keepSeconds(text)).toBe(seconds));

  it.each(['', '0d', '30', '-1d', '1.5d', '101y', '30 d', '9999999999999d', 30, null, undefined])('is not %s', (text) =>
    expect(keepSeconds(text)).toBeUndefined(),
  );
});

describe('TASKER_KEEP', () => {
  const load = (TASKER_KEEP: string) =>
    loadConfig('scheduler', { DATABASE_URL: 'postgres://localhost/x', TASKER_KEEP }).keep;

  it('has defaults, and what replaces the definition of single workflows', () => {
    expect(readKeepSetting('complete=30d, cancelled=7d,shop/orders:complete=1y')).toEqual({
      defaults: { complete: '30d', cancelled: '7d' },
      workflows: new Map([['shop/orders', { complete: '1y' }]]),
      problems: [],
    });
    expect(load('')).toBe('');
    expect(load('error=forever')).toBe('error=forever');
  });

  it.each([
    ['30d', /TASKER_KEEP: .* "30d" is not of the form complete=30d or shop\/orders:complete=30d/],
    ['complete=30', /in "complete=30", complete is "30": use forever, or a number with/],
    ['done=30d', /in "done=30d", done is no state in which a task ends: use complete, resolved_manually/],
    ['complete=1d,complete=2d', /"complete=2d" is the second time for the same tasks/],
    ['orders:complete=1d', /"orders:complete=1d" is not of the form|orders:complete/],
  ])('%s is refused', (text, problem) => expect(() => load(text)).toThrow(problem));
});

describe('TASKER_AUDIT_KEEP', () => {
  const load = (TASKER_AUDIT_KEEP: string) =>
    loadConfig('scheduler', { DATABASE_URL: 'postgres://localhost/x', TASKER_AUDIT_KEEP }).auditKeep;

  it('is forever or a time of a day at least', () => {
    for (const time of ['forever', '1d', '400d', '7y']) expect(load(time)).toBe(time);
    expect(() => load('3600s')).toThrow('TASKER_AUDIT_KEEP: "3600s" is less than 1d (forever, 7y, 400d, ...)');
    expect(() => load('90 days')).toThrow('TASKER_AUDIT_KEEP: "90 days" is neither forever nor a number with');
  });
});
