import { loadConfig } from '../../config/load-config.ts';
import { InvalidInputError } from '../../errors.ts';
import { didYouMean } from '../../workflow/did-you-mean.ts';
import { preview } from '../../workflow/preview.ts';

/** Settings of a fleet that matter to a task; the defaults are the fleet's own. */
export interface FleetSettings {
  stepTimeoutSeconds: number;
  abortGraceMs: number;
  maxResultBytes: number;
  maxBackoffRequestSeconds: number;
  backoffCapSeconds: number;
}

export interface MemorySettings extends FleetSettings {
  virtualTimers: boolean;
  patienceMs: number;
  random: () => number;
}

/** A URL is required; nothing connects to it. */
const NO_DATABASE = 'postgres://memory/memory';
const PATIENCE_MS = 5000;

const NAMES = [
  'stepTimeoutSeconds',
  'abortGraceMs',
  'maxResultBytes',
  'maxBackoffRequestSeconds',
  'backoffCapSeconds',
] as const satisfies readonly (keyof FleetSettings)[];

/** Throws InvalidInputError for a setting that is not known, and ConfigError for one that is out of its range. */
export function memorySettings(
  given: Partial<FleetSettings> = {},
  options: {
    virtualTimers?: boolean | undefined;
    patienceMs?: number | undefined;
    random?: (() => number) | undefined;
  } = {},
): MemorySettings {
  for (const name of Object.keys(given)) {
    if ((NAMES as readonly string[]).includes(name)) continue;
    throw new InvalidInputError(
      `settings names "${name}", which a run in memory does not have${didYouMean(name, NAMES) || `: it has ${NAMES.join(', ')}`}`,
      { field: 'settings' },
    );
  }
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  if (!Number.isFinite(patienceMs) || patienceMs < 0) {
    throw new InvalidInputError(`patienceMs is ${preview(patienceMs)}: use milliseconds from 0 on`, {
      field: 'patienceMs',
    });
  }
  const texts = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
  const { stepTimeoutSeconds, abortGraceMs, maxResultBytes, maxBackoffRequestSeconds, backoffCapSeconds } = loadConfig(
    'worker',
    {},
    { ...texts, databaseUrl: NO_DATABASE },
  );
  return {
    stepTimeoutSeconds,
    abortGraceMs,
    maxResultBytes,
    maxBackoffRequestSeconds,
    backoffCapSeconds,
    virtualTimers: options.virtualTimers ?? true,
    patienceMs,
    random: options.random ?? (() => 1),
  };
}
