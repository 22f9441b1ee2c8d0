import type pino from 'pino';
import { expectTypeOf, it } from 'vitest';
import type { Logger, LoggerOptions, OwnLogger, PinoOptions } from '../../src/logger.ts';

it('options and loggers of pino fit into those of the package, which are written without its types', () => {
  expectTypeOf<pino.LoggerOptions>().toExtend<PinoOptions>();
  expectTypeOf<pino.LoggerOptions['transport']>().toExtend<PinoOptions['transport']>();
  expectTypeOf<pino.Logger>().toExtend<OwnLogger>();
  expectTypeOf<pino.Logger>().toExtend<Logger>();
  expectTypeOf<pino.DestinationStream>().toExtend<NonNullable<LoggerOptions['destination']>>();
});

it('options written in place are typed', () => {
  const options: PinoOptions = {
    serializers: { order: (order: { id: string }) => order.id },
    formatters: { level: (label) => ({ severity: label.toUpperCase() }) },
    hooks: {
      logMethod(args, method, level) {
        expectTypeOf(level).toEqualTypeOf<number>();
        method.apply(this, args as Parameters<typeof method>);
      },
    },
    mixin: (fields, level, logger) => ({
      level,
      enabled: logger.isLevelEnabled('info'),
      size: Object.keys(fields).length,
    }),
  };
  expectTypeOf(options).toExtend<LoggerOptions['pino']>();
  // @ts-expect-error: pino has no such option.
  const misspelt: PinoOptions = { messagekey: 'msg' };
  expectTypeOf(misspelt).toExtend<PinoOptions>();
});
