import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions, type OwnLogger } from '../../src/logger.ts';
import { handlerLogger, safeLogger } from '../../src/logger/safe-logger.ts';
import { waitFor } from '../support/wait-for.ts';

type Line = Record<string, unknown>;

/** A stream that keeps its lines. Each has to be JSON with every key once. */
function kept() {
  const texts: string[] = [];
  return {
    texts,
    lines: (): Line[] => texts.map((text) => JSON.parse(text) as Line),
    destination: { write: (text: string) => void texts.push(text) },
  };
}
const keysOf = (text: string): string[] => [...text.matchAll(/(?:^\{|,)"(\w+)":/g)].map(([, key = '']) => key);
/** Fields of correlation, as a handler's logger has them. */
const FIELDS = { namespace: 'shop', workflow: 'order', task_id: '7', step: 'pay', attempt: 1, worker_id: '3' };
const STOLEN = { ...FIELDS, task_id: 'x', level: 'x', time: 'x', pid: 'x', role: 'x', message: 'x', msg: 'x' };

const circular: Record<string, unknown> = {};
circular['self'] = circular;
const fails = (): never => {
  throw new Error('no luck');
};
/** A few of each kind; the logger without options gets many more in hostile-lines.ts. */
const HOSTILE: unknown[] = [
  circular,
  { get: 1, toJSON: fails },
  Object.defineProperty({}, 'bad', { get: fails, enumerable: true }),
  new Proxy({}, { get: fails, ownKeys: fails, getPrototypeOf: fails }),
  5n,
  Symbol('s'),
  fails,
  new URL('https://u:hunter2@h/'),
  new Response('x'),
  new AbortController().signal,
  Buffer.from('hunter2'),
  new Date('nonsense'),
  Object.create(null),
  JSON.parse('{"__proto__": {"password": "hunter2"}}'),
  new Error('outer', { cause: circular }),
  'x'.repeat(100_000),
];

/** Every hostile value in every position, through a logger that the program changed. */
function logHostile(log: ReturnType<typeof handlerLogger>): void {
  for (const value of HOSTILE) {
    expect(() => {
      log.info({ value }, 'as a field');
      log.warn(value as object, 'alone');
      log.error('put in %o', value as never);
    }).not.toThrow();
  }
  log.info({ password: 'hunter2', url: new URL('https://u:hunter2@h/') }, 'secrets');
  log.info({ ...STOLEN }, 'stolen');
}

function expectSafe(texts: readonly string[], { taskId = '7' } = {}): void {
  expect(texts.length).toBeGreaterThan(3 * HOSTILE.length);
  expect(texts.filter((text) => text.includes('hunter2'))).toEqual([]);
  for (const text of texts) {
    const line = JSON.parse(text) as Line;
    expect(line).toMatchObject({ namespace: 'shop', workflow: 'order', task_id: taskId, step: 'pay', attempt: 1 });
  }
  const twice = texts.filter((text) => text.includes('"stolen"') && new Set(keysOf(text)).size < keysOf(text).length);
  expect(twice).toEqual([]);
  expect(texts.filter((text) => text.includes('"field_task_id":"x"'))).toHaveLength(1);
}

describe('options of pino', () => {
  const changed: [string, LoggerOptions['pino']][] = [
    ['none', undefined],
    [
      'formatters',
      { formatters: { level: (label) => ({ severity: label }), log: (fields) => ({ ...fields, app: 'a' }) } },
    ],
    [
      'a formatter that adds what the line has',
      { formatters: { log: (fields) => ({ ...fields, attempt: 'f', message: 'f' }) } },
    ],
    ['a formatter that throws', { formatters: { log: () => JSON.parse('{') as never } }],
    ['a mixin', { mixin: () => ({ trace_id: 't', task_id: 'm', time: 'm' }) }],
    ['a mixin that throws', { mixin: () => JSON.parse('{') as never }],
    ['serializers', { serializers: { value: () => 'serialized', url: (url: URL) => url.host } }],
    ['a serializer that throws', { serializers: { value: () => JSON.parse('{') as never } }],
    ['other keys', { messageKey: 'text', base: { app: 'shop' }, timestamp: pino.stdTimeFunctions.epochTime }],
    ['redaction', { redact: { paths: ['order.note'], censor: '***' } }],
  ];
  it.each(changed)('%s: lines stay safe', (_, given) => {
    const { texts, destination } = kept();
    const log = createLogger({ role: 'test', destination, ...(given === undefined ? {} : { pino: given }) });
    logHostile(handlerLogger(log, FIELDS));
    expect(texts).toHaveLength(3 * HOSTILE.length + 2);
    expectSafe(texts);
  });

  it('do what they say', () => {
    const { lines, destination } = kept();
    const log = createLogger({
      role: 'shop',
      level: 'debug',
      destination,
      redact: ['order.note'],
      pino: {
        messageKey: 'text',
        base: { app: 'shop', role: 'mine' },
        formatters: { level: (label) => ({ severity: label }), log: (fields) => ({ ...fields, extra: 1 }) },
        serializers: { request: (request: { method: string }) => request.method },
        redact: { paths: ['order.phone'], censor: '***' },
        mixin: () => ({ trace_id: 't' }),
      },
    });
    class Request {
      get method() {
        return 'GET';
      }
    }
    log.debug({ request: new Request(), order: { note: 'n', phone: 'p', total: 1 }, severity: 'mine' }, 'hello');
    expect(lines()).toMatchObject([
      {
        severity: 'debug',
        field_severity: 'mine',
        text: 'hello',
        app: 'shop',
        role: 'shop',
        extra: 1,
        trace_id: 't',
        request: 'GET',
        order: { note: '[redacted]', phone: '***', total: 1 },
      },
    ]);
  });

  it('a hook that throws loses its line and nothing else', () => {
    const { texts, destination } = kept();
    const hooks: pino.LoggerOptions['hooks'] = {
      logMethod(args, method) {
        if (args.includes('lost')) throw new Error('hook');
        method.apply(this, args);
      },
    };
    const log = createLogger({ role: 'test', destination, pino: { hooks } });
    expect(() => log.info('lost')).not.toThrow();
    log.info('kept');
    expect(texts).toHaveLength(1);
  });

  it('a transport writes the lines; one that fails ends the log and not the process', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tasker-log-')), 'log');
    const log = createLogger({
      role: 'test',
      pino: { transport: { target: 'pino/file', options: { destination: file } } },
    });
    log.info({ task_id: '7' }, 'to a file');
    const written = () => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    await waitFor(() => written().includes('to a file'), { what: 'the transport to write' });
    expect(JSON.parse(written())).toMatchObject({ level: 'info', role: 'test', task_id: '7' });
    const several = { targets: [{ target: 'pino/file', options: { destination: `${file}-2` } }] };
    expect(() => createLogger({ role: 'test', pino: { transport: several } }).info('x')).not.toThrow();
  });

  it.each([
    [{ role: '' }, /role is ""/],
    [{ level: 'verbose' }, /level is "verbose": use one of trace, debug/],
    [{ redact: 'order' }, /redact is "order": use a list of paths/],
    [{ pino: 'pretty' }, /pino is "pretty": use an object/],
    [{ pino: { mixin: 5 } }, /pino refuses these options of a logger: Unknown mixin/],
    [{ pino: { transport: { target: 'no-such-package' } } }, /pino refuses these options/],
    [
      { pino: { transport: { target: 'pino/file' } }, destination: { write: () => undefined } },
      /both say where lines go/,
    ],
    [{ pino: pino({ enabled: false }), level: 'info' }, /level is an option of a logger that is made/],
  ])('%o is refused', (options, message) => {
    expect(() => createLogger({ role: 'test', ...(options as object) })).toThrow(message);
  });
});

describe('a logger of the program’s own', () => {
  it('pino keeps its form, and gets the safety', () => {
    const { texts, lines, destination } = kept();
    const own = pino({ messageKey: 'text', base: { app: 'shop' } }, destination);
    const log = createLogger({ role: 'worker', pino: own });
    logHostile(handlerLogger(log, FIELDS));
    expectSafe(texts);
    expect(lines()[0]).toMatchObject({ level: 30, app: 'shop', role: 'worker', text: 'as a field' });
    expect(lines().at(-1)).toMatchObject({ text: 'stolen', field_level: 'x', field_role: 'x' });
  });

  it('its level holds, also if it changes later, and its errors stay with it', () => {
    const { texts, destination } = kept();
    const own = pino({ level: 'warn' }, destination);
    const log = safeLogger(own);
    expect(safeLogger(log)).toBe(log);
    log.info('not written');
    log.level = 'debug';
    expect(own.level).toBe('debug');
    log.debug({ error: new Error('outer', { cause: new Error('inner') }) }, 'written');
    expect(texts.map((text) => JSON.parse(text) as Line)).toMatchObject([
      { msg: 'written', error: { message: 'outer', stack: expect.any(String), cause: { message: 'inner' } } },
    ]);
    const broken = pino({}, { write: () => JSON.parse('{') as never });
    expect(() => handlerLogger(broken, FIELDS).error('x')).not.toThrow();
  });

  it('one that makes no children gets the fields with each line', () => {
    const seen: unknown[][] = [];
    const take = (...args: unknown[]) => void seen.push(args);
    const own: OwnLogger = { debug: take, info: take, warn: take, error: take };
    const log = handlerLogger(own, { task_id: '7', step: 'pay' });
    log.info({ task_id: 'x', amount: 5 }, 'paid');
    log.warn('alone');
    expect(seen).toEqual([
      [{ field_task_id: 'x', amount: 5, task_id: '7', step: 'pay' }, 'paid'],
      [{ task_id: '7', step: 'pay' }, 'alone'],
    ]);
  });
});
