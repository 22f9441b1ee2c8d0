import { describe, expect, test } from 'vitest';
import { closestTo, didYouMean } from '../../src/workflow/did-you-mean.ts';
import { compareVersions } from '../../src/workflow/compare-versions.ts';

const OPTIONS = ['dependsOn', 'retryable', 'retryLimit', 'backoff', 'timeoutSeconds', 'queue', 'priority', 'skippable'];

describe('the word that was meant', () => {
  test.each([
    ['retryLimt', 'retryLimit'],
    ['retyrLimit', 'retryLimit'],
    ['retry_limit', 'retryLimit'],
    ['RETRYLIMIT', 'retryLimit'],
    ['timeoutSecond', 'timeoutSeconds'],
    ['timeout', 'timeoutSeconds'],
    ['dependOn', 'dependsOn'],
    ['depends_on', 'dependsOn'],
    ['seconds', 'timeoutSeconds'],
    ['prio', 'priority'],
    ['retr', undefined],
    ['priorty', 'priority'],
    ['q', undefined],
    ['colour', undefined],
    ['', undefined],
    ['x'.repeat(10_000), undefined],
  ])('%s', (given, meant) => expect(closestTo(given, OPTIONS)).toBe(meant));

  test('the closest of several', () => expect(closestTo('step_11', ['step_1', 'step_111', 'step_12'])).toBe('step_1'));

  test('a short word is not turned into another', () => {
    expect(closestTo('ab', ['xy'])).toBeUndefined();
    expect(closestTo('bb', ['b'])).toBe('b');
  });

  test('as the end of a message', () => {
    expect(didYouMean('queu', OPTIONS)).toBe(': did you mean "queue"?');
    expect(didYouMean('nothing_like_it', OPTIONS)).toBe('');
  });
});

test('versions are ordered by number', () => {
  const versions = ['1.10.0', '1.9.9', '10.0.0', '1.9.10', '2.0.0'];
  expect(versions.toSorted(compareVersions)).toEqual(['1.9.9', '1.9.10', '1.10.0', '2.0.0', '10.0.0']);
  expect(compareVersions('1.0.0', '1.0.0')).toBe(0);
});
