import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { withoutSignal } from '../db/connections/canceller.ts';
import type { Executor } from '../db/connections/database.ts';
import { findDefinitionHash, findWorkflowGraph } from '../db/reads/workflow-graph.ts';
import { layOut } from '../workflow/layout/layout.ts';
import { type CompressedJson, compressJson } from './http/compress.ts';

/** Layouts that are kept; those that were asked for longest ago are forgotten. */
const MOST_KEPT = 200;
/** How long a layout is computed before others get their turn. */
const SLICE_MS = 8;

export interface StoredLayout {
  readonly hash: string;
  readonly json: CompressedJson;
}

export interface WorkflowVersion {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
}

/** The layouts of workflow versions, each computed once: a graph never changes under its definition hash. */
export class Layouts {
  private readonly db: Executor;
  private readonly kept = new Map<string, Promise<StoredLayout | undefined>>();

  constructor(db: Executor) {
    this.db = db;
  }

  /** Undefined: there is no such version, or this library has not registered it. */
  async find(of: WorkflowVersion): Promise<StoredLayout | undefined> {
    const { namespace, workflow: name, version } = of;
    const [row] = await this.db.run(findDefinitionHash, { namespace, name, version });
    if (row === undefined) return undefined;
    const key = row.definition_hash;
    let layout = this.kept.get(key);
    this.kept.delete(key);
    // Others wait for it too: it does not end with the request that began it.
    layout ??= withoutSignal(() => this.make(of));
    this.kept.set(key, layout);
    if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value as string);
    layout.catch(() => this.kept.delete(key));
    return layout;
  }

  private async make({ namespace, workflow: name, version }: WorkflowVersion): Promise<StoredLayout | undefined> {
    const rows = await this.db.run(findWorkflowGraph, { namespace, name, version });
    const [first] = rows;
    if (first === undefined) return undefined;
    // A hash of its own: what is computed may change with this library.
    const hash = createHash('sha256').update(`${LAYOUT_VERSION} ${first.definition_hash}`).digest('hex').slice(0, 16);
    const layout = await inSlices(layOut(rows));
    return { hash, json: await compressJson(JSON.stringify({ hash, ...layout })) };
  }
}

/** Counted up when the same graph is laid out differently: browsers keep a layout for a year under its hash. */
const LAYOUT_VERSION = 1;

/** Does work in portions, between which the event loop goes on. */
export async function inSlices<Result>(work: Generator<void, Result>, sliceMs = SLICE_MS): Promise<Result> {
  for (;;) {
    for (const until = performance.now() + sliceMs; performance.now() < until;) {
      const portion = work.next();
      if (portion.done === true) return portion.value;
    }
    await nextTurn();
  }
}
