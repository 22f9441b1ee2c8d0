import type { Database } from '../db/connections/database.ts';
import { listSearchPaths, type SearchProgressRow } from '../db/reads/search-paths.ts';
import {
  disableSearch,
  type DisableSearchOutcome,
  enableSearch,
  type EnableSearchOutcome,
} from '../engine/search-paths.ts';
import type { OperatorAction } from '../engine/operator-action.ts';
import { parseSearchPath } from '../reads/search/search-path.ts';
import { DEFAULT_NAMESPACE } from '../workflow/build-definition.ts';
import type { ActGate } from './act-gate.ts';
import { checkedText } from './checked.ts';
import type { InTransaction } from './client-options.ts';
import { transactionsOf } from './in-transaction.ts';
import { InvalidInputError } from '../errors.ts';
import { preview } from '../workflow/preview.ts';

/** A workflow, every version of it; the namespace is `default` if none is given. */
export interface SearchedWorkflow {
  namespace?: string;
  workflow: string;
}

/**
 * Paths of inputs by which tasks are found at once. A search of inputs works without one: it looks into the newest tasks first, some thousand a
 * page.
 */
export class SearchPaths {
  private readonly db: Database;
  private readonly acts: ActGate;

  /** @internal */
  constructor(db: Database, acts: ActGate) {
    this.db = db;
    this.acts = acts;
  }

  /**
   * Has the values that inputs of a workflow have at a path entered in the directory of tasks: `input.order`, `input.lines[].sku`. Schedulers
   * enter the tasks that there are, the newest first, and those that come later; no submit pays for it. Throws InvalidInputError.
   */
  async enable(
    of: SearchedWorkflow,
    path: string,
    action: OperatorAction & InTransaction = {},
  ): Promise<EnableSearchOutcome> {
    return this.acts.pass({ act: 'search.enable', on: onWorkflow(of) }, action, async (checked) => {
      const name = { ...checkedWorkflow(of), ...parseSearchPath(path) };
      return enableSearch(await transactionsOf(checked, this.db), name, checked);
    });
  }

  /** Ends that. What was entered is dropped within a day. */
  async disable(
    of: SearchedWorkflow,
    path: string,
    action: OperatorAction & InTransaction = {},
  ): Promise<DisableSearchOutcome> {
    return this.acts.pass({ act: 'search.disable', on: onWorkflow(of) }, action, async (checked) => {
      const name = { ...checkedWorkflow(of), path: parseSearchPath(path).path };
      return disableSearch(await transactionsOf(checked, this.db), name, checked);
    });
  }

  /** Every path that is enabled, and how far schedulers are with it. */
  async list(): Promise<SearchProgressRow[]> {
    return this.db.run(listSearchPaths);
  }
}

const onWorkflow = ({ namespace = DEFAULT_NAMESPACE, workflow }: SearchedWorkflow) => ({
  kind: 'workflow' as const,
  id: `${namespace}/${workflow}`,
});

function checkedWorkflow({ namespace = DEFAULT_NAMESPACE, workflow }: SearchedWorkflow) {
  for (const [field, value] of Object.entries({ namespace, workflow })) {
    if (typeof value !== 'string' || value === '')
      throw new InvalidInputError(`${field} is ${preview(value)}: use the name of a ${field}`, { field });
    checkedText(field, value);
  }
  return { namespace, workflow };
}
