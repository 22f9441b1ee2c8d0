import type { Client } from '../client/client.ts';
import type { QueueStatsRow } from '../db/reads/queues.ts';
import type { WorkflowRow } from '../db/reads/workflows.ts';
import { withoutSignal } from '../db/connections/canceller.ts';
import { CHECKS, examine } from '../db/doctor/examine.ts';

interface DoctorReport {
  checks: number;
  findings: { id: string; title: string; why: string; violations: number }[];
  as_of: Date;
}

/** What costs more than a look-up, read once for all who ask at about the same time: watching must not slow what is watched. */
export class Reports {
  private readonly client: Client;
  private readonly kept = new Map<string, { value: Promise<unknown>; until: number }>();

  constructor(client: Client) {
    this.client = client;
  }

  queues(): Promise<QueueStatsRow[]> {
    return this.keep('queues', 1000, () => this.client.queues());
  }

  workflows(): Promise<WorkflowRow[]> {
    return this.keep('workflows', 5000, () => this.client.workflows());
  }

  overview<Overview>(read: () => Promise<Overview>): Promise<Overview> {
    return this.keep('overview', 5000, read);
  }

  doctor(): Promise<DoctorReport> {
    return this.keep('doctor', 5000, async () => {
      const { value, source } = await this.client.reports.read((db) => examine(db, { examples: 0 }));
      return {
        checks: CHECKS.length,
        findings: value.map(({ id, title, why, violations }) => ({ id, title, why, violations })),
        as_of: source.asOf ?? new Date(),
      };
    });
  }

  /** It is kept for `ms` from the end of the read. One that fails is forgotten. */
  private keep<Value>(name: string, ms: number, read: () => Promise<Value>): Promise<Value> {
    const kept = this.kept.get(name);
    if (kept !== undefined && kept.until > performance.now()) return kept.value as Promise<Value>;
    // Others wait for it too: it does not end with the request that began it.
    const value = withoutSignal(read);
    const entry = { value, until: Number.POSITIVE_INFINITY };
    this.kept.set(name, entry);
    value.then(
      () => (entry.until = performance.now() + ms),
      () => this.kept.delete(name),
    );
    return value;
  }
}
