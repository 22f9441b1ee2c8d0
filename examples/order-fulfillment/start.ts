/** `npm start`: the whole example from one command. `npm start -- --help` lists the options. */
import { parseOptions } from './run/options.ts';
import { run } from './run/run.ts';

process.exitCode = await run(parseOptions(process.argv.slice(2)));
