import type { Client } from '../client/client.ts';
import type { QueueStatsRow } from '../db/reads/queues.ts';
import type { FailureFilter, Failures } from '../reads/failures.ts';
import type { WorkflowList } from '../db/reads/workflows.ts';
import { withoutSignal } from '../db/connections/canceller.ts';
import { CHECKS, examine, type Finding } from '../db/doctor/examine.ts';
import type { ReadPace } from './http/read-pace.ts';
import { FleetReads } from './fleet-reads.ts';

interface DoctorReport {
  checks: number;
  /** Without statements: those are for whoever has the database. */
  findings: Omit<Finding, 'mend'>[];
  as_of: Date;
}

/** Of each invariant that is violated: enough to look at what has them in common. */
const EXAMPLES = 5;
/** Names may come from requests. */
const MOST_ENTRIES = 1000;
interface Entry {
  readonly value: Promise<unknown>;
  until: number;
}

/** What costs more than a look-up, read once for all who ask at about the same time: watching must not slow what is watched. */
export class Reports {
  /** What has pauses in it. */
  readonly fleet: FleetReads;
  private readonly client: Client;
  private readonly pace: ReadPace;
  private examined: DoctorReport | undefined;
  private readonly entries = new Map<string, Entry>();

  constructor(client: Client, pace: ReadPace) {
    this.client = client;
    this.pace = pace;
    this.fleet = new FleetReads(client.db, pace);
  }

  queues(): Promise<QueueStatsRow[]> {
    return this.fleet.queues();
  }

  workflows(): Promise<WorkflowList> {
    return this.keep('workflows', 5000, () => this.client.workflows());
  }

  /** Up to 1,000 groups. */
  failures({ namespace, workflow, version }: FailureFilter = {}): Promise<Failures> {
    const of = { namespace, workflow, version };
    return this.keep(`failures ${JSON.stringify(of)}`, 2000, () => this.client.failures({ ...of, limit: 1000 }));
  }

  /** Of which something is kept for `ms`, under a name. */
  kept<Value>(name: string, ms: number, read: () => Promise<Value>): Promise<Value> {
    return this.keep(name, ms, read);
  }

  /** The next to ask for one of these gets what is there then. */
  forget(names: readonly string[]): void {
    for (const name of names) {
      if (name === 'pauses') this.fleet.forget();
      else this.entries.delete(name);
    }
  }

  /** The last examination of this process, if there was one. */
  get lastDoctor(): DoctorReport | undefined {
    return this.examined;
  }

  doctor(): Promise<DoctorReport> {
    return this.keep('doctor', 5000, async () => {
      const { value, source } = await this.client.reports.read((db) => examine(db, { examples: EXAMPLES }));
      return (this.examined = {
        checks: CHECKS.length,
        findings: value.map(({ mend: _, ...finding }) => finding),
        as_of: source.asOf ?? new Date(),
      });
    });
  }

  /** It is kept for `ms` from the end of the read, and longer if the read took long. One that fails is forgotten. */
  private keep<Value>(name: string, ms: number, read: () => Promise<Value>): Promise<Value> {
    const kept = this.entries.get(name);
    if (kept !== undefined && kept.until > performance.now()) return kept.value as Promise<Value>;
    // Others wait for it too: it does not end with the request that began it.
    const began = performance.now();
    const value = withoutSignal(read);
    const entry: Entry = { value, until: Number.POSITIVE_INFINITY };
    if (this.entries.size >= MOST_ENTRIES) this.entries.clear();
    this.entries.set(name, entry);
    void value.then(
      () => {
        const now = performance.now();
        entry.until = now + Math.max(ms, this.pace.keptFor(now - began));
        return entry;
      },
      () => {
        if (this.entries.get(name) === entry) this.entries.delete(name);
      },
    );
    return value;
  }
}
