import { describe, expect, it } from 'vitest';
import { loadConfig, usesPreparedStatements } from '../../src/config/load-config.ts';
import { ConfigError } from '../../src/errors.ts';

const DATABASE_URL = 'postgres://user:hunter2@localhost/db';

function problems(env: Record<string, string>): string {
  try {
    loadConfig('worker', env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return 'none';
}

describe('loadConfig', () => {
  it('needs nothing but a database', () => {
    expect(loadConfig('worker', { DATABASE_URL })).toMatchObject({
      slots: 50,
      queues: ['default'],
      schema: 'tasker',
      notify: true,
    });
  });

  it('shows what is missing', () => {
    expect(problems({})).toMatch(
      /^the configuration has a problem:\n {2}DATABASE_URL is not set: name your PostgreSQL.*DATABASE_URL=postgres:\/\//,
    );
  });

  it('says once what a setting can be, with an example where a word would not do', () => {
    expect(
      problems({
        DATABASE_URL,
        TASKER_API_AUTH: 'keyz',
        TASKER_API_BASE_PATH: 'ops',
        TASKER_API_TRUSTED_PROXIES: '10.0.0.1,foo',
      })
        .split('\n  ')
        .slice(1),
    ).toEqual([
      'TASKER_API_AUTH: "keyz" is not one of none, keys, oidc, proxy',
      'TASKER_API_BASE_PATH: "ops" is not a path such as /ops/tasker',
      'TASKER_API_TRUSTED_PROXIES: "10.0.0.1,foo" has "foo", and can have addresses and networks, such as 10.0.0.0/8',
    ]);
  });

  it('lists every problem at once, each with its value and range', () => {
    const message = problems({ DATABASE_URL, TASKER_SLOTS: 'many', TASKER_POOL_SIZE: '0', TASKER_NOTIFY: 'yes' });
    expect(message).toContain('3 problems');
    expect(message).toContain('TASKER_SLOTS: "many" is not a whole number (1 to 10000)');
    expect(message).toContain('TASKER_POOL_SIZE: "0" is below 1 (1 to 200)');
    expect(message).toContain('TASKER_NOTIFY: "yes" is neither true nor false');
  });

  it('never shows a secret', () => {
    const message = problems({ DATABASE_URL: 'mysql://user:hunter2@localhost/db' });
    expect(message).toContain('DATABASE_URL: its value is not a postgres:// URL');
    expect(message).not.toContain('hunter2');
  });

  it('shows what a database URL looks like, and quotation marks that are not a part of it', () => {
    expect(problems({ DATABASE_URL: 'localhost:5432/shop' })).toMatch(
      /such as postgres:\/\/user:password@localhost:5432\/database$/,
    );
    expect(problems({ DATABASE_URL: '"postgres://localhost/shop"' })).toContain('begins with a quotation mark');
  });

  it('catches a misspelt variable, and ignores one that only has the same prefix', () => {
    expect(problems({ DATABASE_URL, TASKER_SLOT: '5' })).toContain(
      'TASKER_SLOT is not a setting: did you mean TASKER_SLOTS?',
    );
    expect(problems({ DATABASE_URL, TASKER_SCHEDULER_SERVICE_HOST: '10.0.0.1' })).toBe('none');
  });

  it('refuses settings that contradict each other', () => {
    expect(problems({ DATABASE_URL, TASKER_LEASE_SECONDS: '1', TASKER_HEARTBEAT_INTERVAL_MS: '900' })).toContain(
      'more than half',
    );
  });

  it('puts options before the environment, and treats a blank variable as unset', () => {
    const config = loadConfig('worker', { DATABASE_URL, TASKER_SLOTS: '7', TASKER_QUEUES: ' ' }, { slots: '9' });
    expect(config.slots).toBe(9);
    expect(config.queues).toEqual(['default']);
  });

  it('keeps schedules in a schema that follows its own, unless one is given', () => {
    const cronSchema = (env: Record<string, string>) => loadConfig('scheduler', { DATABASE_URL, ...env }).cronSchema;
    expect(cronSchema({})).toBe('tasker_cron');
    expect(cronSchema({ TASKER_SCHEMA: 'billing' })).toBe('billing_cron');
    expect(cronSchema({ TASKER_SCHEMA: 'x'.repeat(48) })).toBe(`${'x'.repeat(45)}_cron`);
    expect(cronSchema({ TASKER_SCHEMA: 'billing', TASKER_CRON_SCHEMA: 'jobs' })).toBe('jobs');
  });

  it('has no direct connection behind a pooler unless one is given, and prepares no statements there', () => {
    const pooled = loadConfig('worker', { DATABASE_URL, TASKER_POOLED: 'true' });
    expect(pooled.databaseUrlDirect).toBeUndefined();
    expect(usesPreparedStatements(pooled)).toBe(false);
    const direct = loadConfig('worker', { DATABASE_URL });
    expect(direct.databaseUrlDirect).toBe(DATABASE_URL);
    expect(usesPreparedStatements(direct)).toBe(true);
  });
});
