import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { LEDGER_FOLDER, monotonicMs, STALLS } from './ledger.ts';

/** Loaded before a worker (`node --import`): records when its event loop stood still, because of a handler or because it waited for a processor. */
const TICK_MS = 250;
/** A tick that is later than this is a stall, not jitter. */
const STALL_MS = 500;

const folder = process.env[LEDGER_FOLDER];
let tickedAt = monotonicMs();
if (folder !== undefined) {
  setInterval(() => {
    const at = monotonicMs();
    if (at - tickedAt > TICK_MS + STALL_MS) {
      const line = { pid: process.pid, from: tickedAt, to: at };
      appendFileSync(join(folder, `${process.pid}${STALLS}`), `${JSON.stringify(line)}\n`);
    }
    tickedAt = at;
  }, TICK_MS).unref();
}
