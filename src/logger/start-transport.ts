// Under a name of its own: bundles of a user often begin with an import of `createRequire`.
import nodeModule from 'node:module';
import { join } from 'node:path';
import { InvalidInputError } from '../errors.ts';
import type { LogDestination, PinoTransport } from './logger-types.ts';

interface Transport extends LogDestination {
  once(event: 'error', listener: (error: Error) => void): void;
  on(event: 'error', listener: () => void): void;
}

/**
 * A thread of pino for the lines. It is the pino of the program: the one that is compiled into this package has no file to start a thread
 * from. An error of it ends the log but not the process. Throws InvalidInputError if the program has no pino.
 */
export function startTransport(transport: PinoTransport): LogDestination {
  const stream = pinoOfTheProgram().transport(transport);
  stream.once('error', (error) => process.stderr.write(`tasker: the transport of the log failed: ${error.message}\n`));
  stream.on('error', () => undefined);
  return stream;
}

function pinoOfTheProgram(): { transport(options: PinoTransport): Transport } {
  // From this file, then from the folder in which the program was started: a bundle may be elsewhere.
  const places = [import.meta.url as string | undefined, join(process.cwd(), 'package.json')];
  for (const place of places) {
    try {
      if (place !== undefined) return nodeModule.createRequire(place)('pino') as ReturnType<typeof pinoOfTheProgram>;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new InvalidInputError('pino.transport needs the package pino beside this one: npm install pino', {
    field: 'pino.transport',
  });
}
