import type { Database } from '../db/connections/database.ts';
import { newSessionLock } from '../db/connections/heartbeat-connection.ts';
import { deregister, type KnownState, type ProcessRegistration, registerIn } from '../engine/workers.ts';
import { TaskerError } from '../errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { withTimeout } from '../process/with-timeout.ts';

export interface MembershipOptions extends Omit<ProcessRegistration, 'sessionLock'> {
  db: Database;
  /** A direct connection if there is one; the session lock needs it. */
  url: string;
  sessionLock: boolean;
  passwordFile?: string | undefined;
  heartbeatIntervalMs: number;
  maxStallMs: number;
  /** Whether a process whose event loop stands still for that long, past all that is allowed to it, is killed. */
  endsWhenStalled?: boolean;
  busySlots?: () => number;
  allowedUntilMs?: () => number;
  /**
   * Reads what the process uses of the database. Called before each registration: at the start, and whenever the worker row is
   * gone, since the database may have been replaced or restored. `joined` is called immediately before the new id takes effect.
   */
  prepare: () => Promise<{ known: KnownState; joined: () => void }>;
  /** The lease was ended by another process, or the worker row is gone; the process registers again under a new id. */
  onLeaseLost: (formerId: string) => void;
  onError: (what: string, error: unknown) => void;
}

/** Registrations refused because the database changed between reading it and registering. */
const MOST_TRIES = 5;

/** A process's place in the fleet: a row, a lease, and the thread that renews it. */
export class Membership {
  private readonly options: MembershipOptions;
  private readonly heartbeat: Heartbeat;
  /** One for the life of the process: whatever connection and whatever thread holds it, its row names this one. */
  private readonly sessionLock: string | null;
  private id: string | undefined;
  private lastId: string | undefined;
  private rejoining: Promise<void> | undefined;
  private stopping = false;

  constructor(options: MembershipOptions) {
    this.options = options;
    this.sessionLock = options.sessionLock ? newSessionLock() : null;
    this.heartbeat = new Heartbeat({
      connection: {
        url: options.url,
        schema: options.db.schema,
        applicationName: `tasker heartbeat`,
        sessionLock: this.sessionLock,
        passwordFile: options.passwordFile,
        timeoutMs: Math.max(1000, (options.leaseSeconds * 1000) / 2),
      },
      intervalMs: options.heartbeatIntervalMs,
      maxStallMs: options.maxStallMs,
      endsWhenStalled: options.endsWhenStalled ?? false,
      busySlots: options.busySlots ?? (() => 0),
      allowedUntilMs: options.allowedUntilMs ?? (() => 0),
      onLost: (formerId) => this.rejoin(formerId),
      onError: (message, code) =>
        options.onError('heartbeat', Object.assign(new Error(message), code === undefined ? {} : { code })),
    });
  }

  /** The id that claims are made under. Changes when the lease was lost. */
  get workerId(): string {
    if (this.id === undefined) throw new Error('the process has not joined the fleet yet');
    return this.id;
  }

  /** The current id, or the previous one while registering again: for writing outcomes. Nothing can be claimed under a previous id. */
  get lastWorkerId(): string {
    if (this.lastId === undefined) throw new Error('the process has not joined the fleet yet');
    return this.lastId;
  }

  get joined(): boolean {
    return this.id !== undefined;
  }

  /** Seconds since the lease was renewed. */
  leaseAgeSeconds(): number {
    return this.heartbeat.ageSeconds();
  }

  async join(): Promise<void> {
    await this.heartbeat.start();
    await this.enter();
  }

  /** A step that begins now may hold the event loop until then; known at once, since it may do so from its first instant. */
  allow(untilMs: number): void {
    this.heartbeat.allow(untilMs);
  }

  /** From now on the fleet's listing shows this process as draining. */
  setDraining(): void {
    this.heartbeat.setDraining();
  }

  /** Leaves: nothing that this process claimed is left to recover. Rejects where that could not be told within `ms`. */
  async leave(ms: number): Promise<void> {
    this.stopping = true;
    try {
      if (!(await withTimeout(this.sayGoodbye(), ms)))
        throw new Error(`the database did not take our goodbye within ${ms} ms`);
    } finally {
      // Also where nobody could be told: a thread that went on would renew the lease of a process that has left.
      await this.heartbeat.stop();
    }
  }

  /** Falls silent without a word, so that what this process may still hold is recovered as that of a dead one. */
  async abandon(): Promise<void> {
    this.stopping = true;
    await this.heartbeat.stop();
  }

  private async sayGoodbye(): Promise<void> {
    await this.rejoining;
    if (this.id !== undefined) await deregister(this.options.db, this.id);
  }

  private async enter(): Promise<void> {
    const { db, role, name, version, queues, slots, leaseSeconds } = this.options;
    const process = { role, name, version, queues, slots, leaseSeconds, sessionLock: this.sessionLock };
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const { known, joined } = await this.options.prepare();
      const id = await registerIn(db, process, known);
      if (id === undefined) continue;
      joined();
      this.id = id;
      this.lastId = id;
      this.heartbeat.lease(id);
      return;
    }
    throw new TaskerError(
      'DATABASE_CHANGING',
      `the database was replaced or taken back ${MOST_TRIES} times while this ${role} joined it: see that DATABASE_URL leads to one server, and start it again`,
      { role },
    );
  }

  private rejoin(formerId: string): void {
    if (this.stopping || formerId !== this.id || this.rejoining !== undefined) return;
    this.id = undefined;
    this.options.onLeaseLost(formerId);
    this.rejoining = this.enterAgain().finally(() => {
      this.rejoining = undefined;
    });
  }

  /** Until it succeeds: the former id may be valid in another state of the database than the one that was prepared for. */
  private async enterAgain(): Promise<void> {
    while (!this.stopping) {
      try {
        return await this.enter();
      } catch (error) {
        this.options.onError('rejoin', error);
        await new Promise((resolve) => setTimeout(resolve, this.options.heartbeatIntervalMs));
      }
    }
  }
}
