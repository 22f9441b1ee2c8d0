import { expect, it } from 'vitest';
import { createLogger, type Logger } from '../../src/logger.ts';
import { lateLogger } from '../../src/logger/late-logger.ts';
import { handlerLogger, safeLogger } from '../../src/logger/safe-logger.ts';

function late(level = 'warn') {
  const lines: Record<string, unknown>[] = [];
  let made = 0;
  const log = lateLogger(level, () => {
    made += 1;
    return createLogger({ role: 'app', level, destination: { write: (line) => lines.push(JSON.parse(line)) } });
  });
  return { log, lines, made: () => made };
}

it('is made by the first line that is written, once, with all that its children have', () => {
  const { log, lines, made } = late();
  const child = log.child({ task_id: '7' });
  const { info, warn } = handlerLogger(child, { step: 'greet' });
  child.info('below its level');
  info('as well');
  log.flush();
  expect(made()).toBe(0);
  warn({ note: 'x' }, 'of %s', 'a step');
  log.error('of the process');
  expect(made()).toBe(1);
  expect(lines).toMatchObject([
    { level: 'warn', role: 'app', task_id: '7', step: 'greet', note: 'x', message: 'of a step' },
    { level: 'error', role: 'app', message: 'of the process' },
  ]);
});

it('passes on what pino decides', () => {
  const { log, lines } = late('silent');
  log.fatal('nobody reads it');
  log.level = 'debug';
  log.debug('from now on');
  log.level = 'error';
  log.warn('no longer');
  expect(log.level).toBe('error');
  expect(log.isLevelEnabled('error')).toBe(true);
  expect(log.bindings()).toMatchObject({ role: 'app' });
  expect(lines.map(({ message }) => message)).toEqual(['from now on']);
  expect(() => (late().log.level = 'loud')).toThrow('loud');
});

it('is one of the loggers of this package', () => {
  const log: Logger = late().log;
  expect(safeLogger(log)).toBe(log);
});
