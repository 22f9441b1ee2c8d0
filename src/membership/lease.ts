/**
 * The id under which a process is registered. It changes if the lease is lost: the process then has no id until it has registered
 * again. One object for the life of the process, so that whoever holds it always reads the present state.
 */
export interface Lease {
  /** Claims are made under this id. Undefined while the process has no lease. */
  readonly current: string | undefined;
  /**
   * The current id, or the former one while the process registers again: outcomes are written under it, and nothing can be claimed
   * under a former id. Throws before the first registration.
   */
  readonly last: string;
}

/** The lease as its owner changes it. */
export class OwnLease implements Lease {
  private id: string | undefined;
  private lastId: string | undefined;

  get current(): string | undefined {
    return this.id;
  }

  get last(): string {
    if (this.lastId === undefined) throw new Error('the process has not joined the fleet yet');
    return this.lastId;
  }

  take(workerId: string): void {
    this.id = workerId;
    this.lastId = workerId;
  }

  lose(): void {
    this.id = undefined;
  }
}
