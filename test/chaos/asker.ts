import { Client } from '../../src/client/client.ts';
import { readOneSnapshot } from '../../src/db/reads/explain/task.ts';
import { explainIn } from '../../src/reads/explain/explain.ts';
import type { Explanation } from '../../src/reads/explain/explanation.ts';
import { Actor } from './actor.ts';
import type { Explained, ShownPause } from './asked.ts';
import type { Paused } from './pauser.ts';
import { PAUSED_QUEUE } from './queues.ts';
import type { Random } from './random.ts';
import { paused } from './workflows.ts';

const PACE_MS = 50;
const SHOWN_PACE_MS = 500;
/** Among the newest tasks: older ones have ended, and all of them are explained alike. */
const NEWEST = 30;
/** Of the questions, those that an API gets. */
const OVER_HTTP = 0.3;
/** Longer than an API takes. */
const ANSWERED_WITHIN_MS = 30_000;

interface AskerOptions {
  url: string;
  random: Random;
  tasks: () => readonly { taskId: string }[];
  /** Where the processes of an API are. */
  apis?: readonly string[];
}

/** Explains random tasks of the load, and reads from each process of an API what is paused. */
export class Asker extends Actor {
  readonly explained: Explained[] = [];
  readonly shown: ShownPause[] = [];
  private readonly client: Client;
  private readonly random: Random;
  private readonly tasks: AskerOptions['tasks'];
  private readonly apis: readonly string[];

  constructor({ url, random, tasks, apis = [] }: AskerOptions) {
    super();
    this.client = new Client({ url, applicationName: 'chaos asker', poolSize: 2 });
    this.random = random;
    this.tasks = tasks;
    this.apis = apis;
  }

  override async stop(): Promise<void> {
    try {
      await super.stop();
    } finally {
      await this.client.close();
    }
  }

  /** Explains a task, or one of its steps. */
  async ask(taskId: string, step?: string): Promise<Explained | undefined> {
    const found = await this.client.db.transaction(async (tx) => {
      await tx.run(readOneSnapshot);
      const answer = await explainIn(tx, taskId, step, {});
      const [row] = await tx.run(currentSnapshot);
      return answer === undefined || row === undefined ? undefined : { taskId, answer, snapshot: row.snapshot };
    });
    if (found !== undefined) this.explained.push(found);
    return found;
  }

  protected act(): Promise<void>[] {
    return [this.askAll(), ...this.apis.map((api) => this.readPauses(api))];
  }

  private async askAll(): Promise<void> {
    while (this.running) {
      const newest = this.tasks().slice(-NEWEST);
      // The database may be away: then nothing is asked.
      if (newest.length > 0) await this.askOne(this.random.pick(newest).taskId).catch(() => undefined);
      await this.rest(PACE_MS);
    }
  }

  private async askOne(taskId: string): Promise<void> {
    const names = (await this.client.getTask(taskId))?.steps.map(({ name }) => name) ?? [];
    const step = names.length > 0 && this.random.next() < 0.7 ? this.random.pick(names) : undefined;
    if (this.apis.length === 0 || this.random.next() > OVER_HTTP) {
      await this.ask(taskId, step);
      return;
    }
    const path = `/v1/tasks/${taskId}${step === undefined ? '' : `/steps/${step}`}/explain`;
    const answer = await get<Explanation>(`${this.random.pick(this.apis)}${path}`);
    const [asOf, until] = [answer.as_of, answer.until].map((time) => (time === null ? null : new Date(time)));
    this.explained.push({
      taskId,
      answer: { ...answer, as_of: asOf as Date, until: until ?? null },
      snapshot: undefined,
    });
  }

  private async readPauses(api: string): Promise<void> {
    while (this.running) {
      await this.readShown(api).catch(() => undefined);
      await this.rest(SHOWN_PACE_MS);
    }
  }

  private async readShown(api: string): Promise<void> {
    const where = this.random.pick(['queues', 'overview', 'pauses'] as const);
    const sentMs = Date.now();
    const found = await SHOWN[where](api);
    const receivedMs = Date.now();
    for (const [what, isPaused] of Object.entries(found) as [Paused['what'], boolean][])
      this.shown.push({ where, what, paused: isPaused, sentMs, receivedMs });
  }
}

const currentSnapshot = {
  name: 'chaos_current_snapshot',
  text: 'SELECT pg_current_snapshot()::text AS snapshot',
  values: () => [],
} as { name: string; text: string; values: () => never[]; row?: { snapshot: string } };

type Pause = { kind: string; name: string };
const ofList = (pauses: readonly Pause[]): Record<Paused['what'], boolean> => ({
  queue: pauses.some(({ kind, name }) => kind === 'queue' && name === PAUSED_QUEUE),
  workflow: pauses.some(({ kind, name }) => kind === 'workflow' && name === `${paused.namespace}/${paused.name}`),
});

/** What each part of the API shows as paused, in its own way. */
const SHOWN: Readonly<Record<ShownPause['where'], (api: string) => Promise<Partial<Record<Paused['what'], boolean>>>>> =
  {
    async queues(api) {
      const { items } = await get<{ items: { queue: string; paused: object | null }[] }>(`${api}/v1/queues?all=true`);
      return { queue: items.some(({ queue, paused: pause }) => queue === PAUSED_QUEUE && pause !== null) };
    },
    overview: async (api) =>
      ofList((await get<{ attention: { paused: Pause[] } }>(`${api}/v1/overview`)).attention.paused),
    pauses: async (api) => ofList((await get<{ items: Pause[] }>(`${api}/v1/pauses`)).items),
  };

async function get<Body>(url: string): Promise<Body> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWERED_WITHIN_MS) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return (await response.json()) as Body;
}
