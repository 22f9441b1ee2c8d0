import { expect, it } from 'vitest';
import { createLogger } from '../../src/logger.ts';
import { SurvivedErrors } from '../../src/process/survived-errors.ts';

/** What is logged of errors, by a clock of the test. */
function scene() {
  let text = '';
  let now = 0;
  const log = createLogger({ role: 'worker', level: 'info', destination: { write: (line) => void (text += line) } });
  const errors = new SurvivedErrors(log, () => now);
  return {
    errors,
    pass: (seconds: number) => void (now += seconds * 1000),
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { message: string; error?: { stack: string }; repeated?: number }),
  };
}

const away = () => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });

it('an outage is a line with a stack for each loop, one a minute with how often it came, and one for its end', () => {
  const { errors, pass, lines } = scene();
  for (let second = 0; second < 150; second += 1) {
    errors.failed('claim', away());
    if (second % 5 === 0) errors.failed('heartbeat', away());
    pass(1);
  }
  errors.succeeded();
  errors.succeeded();
  expect(lines().map(({ message, repeated, error }) => [message, repeated, error !== undefined])).toEqual([
    ['claim failed; going on', undefined, true],
    ['heartbeat failed; going on', undefined, true],
    ['claim fails as before; going on', 60, false],
    ['heartbeat fails as before; going on', 12, false],
    ['claim fails as before; going on', 60, false],
    ['heartbeat fails as before; going on', 12, false],
    ['the database can be reached again', undefined, false],
  ]);
});

it('another error, another outage, and the same error much later are logged whole', () => {
  const { errors, pass, lines } = scene();
  errors.failed('claim', away());
  errors.failed('claim', new Error('statement_timeout of 5 s'));
  errors.failed('claim', away());
  pass(2);
  errors.succeeded();
  errors.failed('claim', away());
  pass(61);
  errors.failed('claim', away());
  expect(lines().map(({ error, message }) => error?.stack.split('\n')[0] ?? message)).toEqual([
    'Error: connect ECONNREFUSED 127.0.0.1:5432',
    'Error: statement_timeout of 5 s',
    'Error: connect ECONNREFUSED 127.0.0.1:5432',
    'the database can be reached again',
    'Error: connect ECONNREFUSED 127.0.0.1:5432',
    'Error: connect ECONNREFUSED 127.0.0.1:5432',
  ]);
});

it('a session that ended is no outage', () => {
  const { errors, lines } = scene();
  errors.failed('claim', away());
  errors.succeeded();
  expect(lines().map(({ message }) => message)).toEqual(['claim failed; going on']);
});
