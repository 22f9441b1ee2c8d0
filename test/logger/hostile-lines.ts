import { inspect } from 'node:util';
import vm from 'node:vm';
import { createLogger } from '../../src/logger.ts';
import { UNSTORABLE } from '../workflow/hostile-values.ts';

/** Logs what breaks careless loggers, one line each, in every position that a value can have in a call. */
const log = createLogger({ level: 'info', role: 'test', redact: ['order.note', '*.hidden'] });

const throwing = {
  get bad() {
    throw new Error('no luck');
  },
  fine: 1,
};
const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 'x'.repeat(100)]));
const chain = (depth: number): Error => new Error(`level ${depth}`, depth === 0 ? {} : { cause: chain(depth - 1) });
const cyclic = new Error('cyclic');
cyclic.cause = cyclic;

const values: [string, unknown][] = [
  ['url', new URL('https://user:hunter2@example.org/a')],
  ['response', new Response('x')],
  ['buffer', Buffer.from('hunter2')],
  ['signal', new AbortController().signal],
  ['throwing', throwing],
  ['big', 12345678901234567890n],
  ['many', many],
  ['list', Array.from({ length: 1_000_000 }, () => 'y')],
  ['error', chain(50)],
  ['cyclic_error', cyclic],
  ['dom', new DOMException('aborted', 'AbortError')],
  ['realm', vm.runInNewContext('new TypeError("from elsewhere")')],
  ['secrets', { password: 'hunter2', nested: [{ cardNumber: 'hunter2', deep: { deeper: { apiKey: 'hunter2' } } }] }],
  ['to_json', { toJSON: () => ({ token: 'hunter2', kept: 1, again: new URL('postgres://u:hunter2@h/d') }) }],
  [
    'headers',
    { rawHeaders: ['Authorization', 'hunter2'], headers: { Authorization: 'hunter2', 'set-cookie': ['hunter2'] } },
  ],
  ['proto', JSON.parse('{"__proto__": {"secret": "hunter2", "a": 1}}')],
  ['fn', () => 1],
  ['symbol', Symbol('s')],
];
const failures: string[] = [];
const attempt = (name: string, write: () => void): void => {
  try {
    write();
  } catch (error) {
    failures.push(`${name}: ${inspect(error)}`);
  }
};

for (const [name, value] of values) {
  attempt(name, () => {
    log.info({ case: name, [name]: value }, 'as a field');
    log.info({ case: name, list: [value], nested: { [name]: value } }, 'deeper');
    log.child({ case: name, bound: value }).info('bound');
    log.info({ case: name }, 'put in: %o %s %j', value as never, value as never, value as never);
    log.info(value as object, 'alone');
  });
}
UNSTORABLE.forEach(([name, make], index) => {
  attempt(name, () => {
    log.info({ hostile: index, value: make() }, 'as a field');
    log.child({ hostile: index, value: make() }).info(make() as object);
    log.warn(make() as object, 'alone');
    log.warn('put in %o', make() as never);
  });
});
attempt('paths', () =>
  log.info({ case: 'paths', order: { note: 'hunter2', hidden: 'hunter2', total: 1 } }, 'as a field'),
);
attempt('an error alone', () => log.error(new Error('the message')));
attempt('own fields', () => {
  const step = log.child({ task_id: '7', step: 's' });
  step.info({ level: 'x', time: 'x', pid: 'x', role: 'x', task_id: 'x', step: 'x', message: 'x' }, 'hello');
  step.child({ task_id: 'y', extra: 1 }).info({ extra: 2 }, 'grandchild');
  step.setBindings({ step: 'z' });
  step.info('bound again');
});
attempt('a method on its own', () => {
  const { info } = log;
  info('taken out');
});
attempt('nothing', () => log.child(null as never).info(undefined as never));
attempt('counts', () =>
  log.info({ max_tokens: 5, token_count: 6, tokens_used: 7, cardinality: 8, bypass: true }, 'counts'),
);
process.stderr.write(`failures: ${JSON.stringify(failures)}\n`);
