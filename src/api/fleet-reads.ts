import { withoutSignal } from '../db/connections/canceller.ts';
import type { Executor } from '../db/connections/database.ts';
import { FLEET_READINGS, type FleetReading, type FleetRow } from '../db/reads/fleet.ts';
import type { QueueStatsRow } from '../db/reads/queues.ts';
import type { UnservedVersionRow } from '../db/reads/attention.ts';
import type { ReadPace } from './http/read-pace.ts';

/** How much a statement reads: `FLEET_READINGS` in their order. */
const PAUSES = 0;
const QUEUES = 1;
const FLEET = 2;
const UNSERVED = 3;
type Level = typeof PAUSES | typeof QUEUES | typeof FLEET | typeof UNSERVED;

/** A little more than a second, so that with everything that is read rarely it is one statement a second at most. */
const CHECKED_MS = 1200;
/** On a slow database what is paused is asked for less often, but never as rarely as what costs more. */
const MOST_CHECKED_MS = 3000;
/** For how long each is kept at least. */
const KEPT_MS: Readonly<Record<Level, number>> = {
  [PAUSES]: 0,
  [QUEUES]: CHECKED_MS,
  [FLEET]: 5000,
  [UNSERVED]: 15_000,
};

/** One statement, for all who ask meanwhile. */
interface Reading {
  /** Readings in the order in which they began. */
  readonly number: number;
  readonly level: Level;
  readonly result: Promise<FleetReading>;
}

interface Kept {
  readonly reading: Reading;
  until: number;
  /** Somebody has asked since it was read: it is read again with the next statement before it is due. */
  wanted: boolean;
}

/**
 * What is read again and again of the whole fleet while somebody looks: queues, the overview, and what is paused. One statement a second at most reads whatever is due, for all who
 * ask. A report is shown only if what is paused now is what was paused when it was read: that version is asked for before, at most once in 1.2 s (3 s on a slow database). A process that pauses
 * something forgets it, so whoever has acted sees what came of it.
 */
export class FleetReads {
  private readonly db: Executor;
  private readonly pace: ReadPace;
  private readonly kept = new Map<Level, Kept>();
  /** What the last statement of each kind took: one that also read more says nothing about it. */
  private readonly tookMs = new Map<Level, number>();
  private checked: { readonly reading: Reading; readonly until: number } | undefined;
  private begun = 0;

  constructor(db: Executor, pace: ReadPace) {
    this.db = db;
    this.pace = pace;
  }

  /** The version of what is paused: another text whenever something else is paused. */
  async pausesVersion(): Promise<string> {
    const { pauses_version: version } = await this.check(PAUSES).result;
    return version;
  }

  async queues(): Promise<QueueStatsRow[]> {
    const { queues = [] } = await this.read(QUEUES);
    return queues;
  }

  /** With the queues of the same moment, and ready steps that no worker has handlers for, which may be older. */
  async fleet(): Promise<FleetRow & { queues: QueueStatsRow[]; unserved: UnservedVersionRow[] }> {
    const kept = this.kept.get(UNSERVED);
    const isKept = kept !== undefined && kept.until > performance.now();
    if (isKept) kept.wanted = true;
    const found = await this.read(isKept ? FLEET : UNSERVED);
    const { unserved = [] } = isKept && found.unserved === undefined ? await kept.reading.result : found;
    return { ...(found.fleet as FleetRow), queues: found.queues ?? [], unserved };
  }

  /** Something was paused or resumed: the next to ask gets what is there then. */
  forget(): void {
    this.checked = undefined;
  }

  private async read(level: Level): Promise<FleetReading> {
    const before = this.kept.get(level);
    if (before !== undefined) before.wanted = true;
    const check = this.check(before === undefined || before.until <= performance.now() ? level : PAUSES);
    const now = await check.result;
    if (check.level >= level) return now;
    for (;;) {
      const kept = this.kept.get(level);
      if (kept === undefined || kept.until <= performance.now()) break;
      const { number, result } = kept.reading;
      if (number >= check.number) return result;
      const found = await result;
      if (found.pauses_version === now.pauses_version) return found;
      // Another one may have begun to read it anew meanwhile.
      if (this.kept.get(level) === kept) break;
    }
    return this.start(level).result;
  }

  /** What says what is paused now. If a statement is needed for it, it reads up to `level`. */
  private check(level: Level): Reading {
    const { checked } = this;
    return checked !== undefined && performance.now() < checked.until ? checked.reading : this.start(level);
  }

  /** Reads up to a level, and what is due soon: it would need a statement of its own before the next check. */
  private start(wanted: Level): Reading {
    const began = performance.now();
    let level = wanted;
    while (level < UNSERVED && this.isDue((level + 1) as Level, began + CHECKED_MS)) level = (level + 1) as Level;
    const statement = FLEET_READINGS[level];
    // Others wait for it too: it does not end with the request that began it.
    const result = withoutSignal(async () => (await this.db.run(statement))[0] as FleetReading);
    this.begun += 1;
    const reading = { number: this.begun, level, result };
    const checkedMs = Math.min(MOST_CHECKED_MS, Math.max(CHECKED_MS, this.keptFor(PAUSES)));
    this.checked = { reading, until: began + checkedMs };
    for (let part = QUEUES as Level; part <= level; part = (part + 1) as Level)
      this.kept.set(part, { reading, until: Number.POSITIVE_INFINITY, wanted: false });
    void result.then(
      () => this.keep(reading, performance.now() - began),
      () => this.drop(reading),
    );
    return reading;
  }

  private isDue(level: Level, at: number): boolean {
    const kept = this.kept.get(level);
    return kept !== undefined && kept.wanted && kept.until <= at;
  }

  private keep(reading: Reading, tookMs: number): void {
    for (let part = PAUSES as Level; part <= reading.level; part = (part + 1) as Level) {
      const own = part === reading.level ? tookMs : Math.min(tookMs, this.tookMs.get(part) ?? tookMs);
      this.tookMs.set(part, own);
      const kept = this.kept.get(part);
      if (kept?.reading === reading) kept.until = performance.now() + Math.max(KEPT_MS[part], this.keptFor(part));
    }
  }

  private keptFor(level: Level): number {
    return this.pace.keptFor(this.tookMs.get(level) ?? 0);
  }

  private drop(reading: Reading): void {
    if (this.checked?.reading === reading) this.checked = undefined;
    for (const [part, kept] of this.kept) if (kept.reading === reading) this.kept.delete(part);
  }
}
