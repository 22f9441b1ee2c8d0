import { CATALOGUE } from '../config/catalogue.ts';
import { ConfigError } from '../errors.ts';

/** Throws ConfigError for an expression that cannot be read, at the start and not at the first due time. The default is known to be good. */
export async function checkMaintenance(cron: string): Promise<void> {
  if (cron !== CATALOGUE.analyzeCron.default) await lastMaintenance(cron, Date.now());
}

/**
 * When maintenance was due last, in milliseconds of the epoch. The parser is loaded here: with its library of dates it would be a tenth of the
 * start of a program.
 */
export async function lastMaintenance(cron: string, at: number): Promise<number> {
  const { parseCron } = await import('../schedules/cron-expression.ts');
  try {
    const expression = parseCron(cron);
    expression.reset(new Date(at));
    return expression.prev().getTime();
  } catch (error) {
    throw new ConfigError(`TASKER_ANALYZE_CRON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
