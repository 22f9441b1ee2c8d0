import { setTimeout as sleep } from 'node:timers/promises';
import { MEASURED_CORE, OTHER_CORE } from '../../support/cores.ts';
import type { BenchDatabase } from '../../support/server.ts';
import type { Viewers } from './viewers.ts';

/** Who looks, and where the process of the API runs: where those who ask are, as if it had a machine of its own, or with the fleet and PostgreSQL. */
export const LOOKERS = ['looking, the API elsewhere', 'looking, the API with the fleet'] as const;
export type Lookers = (typeof LOOKERS)[number];
export type Arm = Lookers | 'nobody';

/** What was put off while nobody looked happens first, and is a part of what looking costs. */
const BEGIN_MS = 50;
const END_MS = 150;

/** Who looks, in turns. Somebody does at first. */
export class Turns {
  private readonly viewers: Viewers;
  private readonly pinned: boolean;
  private arm: Arm = LOOKERS[0];

  /** `pinned`: programs are kept on their cores. */
  constructor(viewers: Viewers, pinned: boolean) {
    this.viewers = viewers;
    this.pinned = pinned;
  }

  async to(arm: Arm): Promise<void> {
    if (arm === this.arm) return;
    if (this.arm !== 'nobody') await this.viewers.standStill();
    if (arm !== 'nobody') this.viewers.goOn(this.pinned ? coreOf(arm) : undefined);
    await sleep(arm === 'nobody' ? END_MS : BEGIN_MS);
    this.arm = arm;
  }
}

const coreOf = (arm: Lookers): number => (arm === LOOKERS[0] ? OTHER_CORE : MEASURED_CORE);

/** What PostgreSQL does by itself now and then would be in some turns, and in others not. */
export async function setQuiet(db: BenchDatabase, quiet: boolean): Promise<void> {
  await db.query(quiet ? 'ALTER SYSTEM SET autovacuum = off' : 'ALTER SYSTEM RESET autovacuum');
  await db.query('SELECT pg_reload_conf()');
  if (quiet) await db.query('CHECKPOINT');
}
