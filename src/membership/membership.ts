import type { Config } from '../config/config.ts';
import type { Database } from '../db/connections/database.ts';
import { deregister, type KnownState, type ProcessRegistration, registerIn } from '../engine/workers.ts';
import { TaskerError } from '../errors.ts';
import { FINAL_WRITE_TIMEOUT_MS, withTimeout } from '../process/with-timeout.ts';
import { Heartbeat } from './heartbeat.ts';
import { openHeartbeatHost } from './open-heartbeat-host.ts';
import type { HeartbeatHost } from './heartbeat-host.ts';
import { type Lease, OwnLease } from './lease.ts';

export type MembershipSettings = Pick<
  Config,
  'databaseUrl' | 'databaseUrlDirect' | 'databasePasswordFile' | 'leaseSeconds' | 'heartbeatIntervalMs' | 'maxStallMs'
>;

export interface MembershipOptions {
  db: Database;
  /** The session lock needs `databaseUrlDirect`; without it the lease alone shows that the process lives. */
  settings: MembershipSettings;
  /** The thread that sends the heartbeat, if others of this program share it. Default: one of its own. */
  heartbeats?: HeartbeatHost | undefined;
  /** As the fleet's listing shows it. */
  process: Omit<ProcessRegistration, 'leaseSeconds' | 'sessionLock'>;
  /** Whether the process is killed if its event loop stands still for `maxStallMs`, past the stall deadline. */
  killWhenStalled?: boolean;
  busySlots?: () => number;
  /** The latest moment, in milliseconds of the epoch, until which a running step may hold the event loop; 0 if nothing runs. */
  stallDeadlineMs?: () => number;
  /**
   * Reads what the process uses of the database. Called before each registration: at the start, and whenever the worker row is
   * gone, since the database may have been replaced or restored. `joined` is called immediately before the new id takes effect.
   */
  prepare: () => Promise<{ known: KnownState; joined: () => void }>;
  /** The lease was ended by another process, or the worker row is gone; the process registers again under a new id. */
  onLeaseLost: (formerId: string) => void;
  /** What is paused (PAUSES_TEXT), when the process has joined, and with each heartbeat. */
  onPauses?: (pauses: string | null) => void;
  onError: (what: string, error: unknown) => void;
}

export interface StopOptions {
  readonly deregister: boolean;
  readonly timeoutMs?: number;
}

/** Registrations refused because the database changed between reading it and registering. */
const MAX_REGISTRATION_TRIES = 5;

/** A process's place in the fleet: a row, a lease, and the heartbeat that renews it. */
export class Membership {
  private readonly options: MembershipOptions;
  private readonly heartbeat: Heartbeat;
  private readonly ownLease = new OwnLease();
  private starting: Promise<void> | undefined;
  private rejoining: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: MembershipOptions) {
    const { settings } = options;
    this.options = options;
    const host = options.heartbeats ?? openHeartbeatHost({ ...settings, schema: options.db.schema }, 1);
    this.heartbeat = new Heartbeat(host, {
      killWhenStalled: options.killWhenStalled ?? false,
      busySlots: options.busySlots ?? (() => 0),
      stallDeadlineMs: options.stallDeadlineMs ?? (() => 0),
      onLost: (formerId) => this.rejoin(formerId),
      onPauses: (pauses) => options.onPauses?.(pauses),
      onError: (message, code) =>
        options.onError('heartbeat', Object.assign(new Error(message), code === undefined ? {} : { code })),
    });
  }

  get lease(): Lease {
    return this.ownLease;
  }

  /** Seconds since the lease was renewed. */
  leaseAgeSeconds(): number {
    return this.heartbeat.ageSeconds();
  }

  /** Registers the process and renews its lease from then on. */
  start(): Promise<void> {
    this.starting ??= this.doStart();
    return this.starting;
  }

  /**
   * Lets a step that begins now hold the event loop until `untilMs` (milliseconds of the epoch). It takes effect at once, since the
   * step may block the loop from its first instruction on.
   */
  extendStallDeadline(untilMs: number): void {
    this.heartbeat.extendStallDeadline(untilMs);
  }

  /** From now on the fleet's listing shows this process as draining. */
  setDraining(): void {
    this.heartbeat.setDraining();
  }

  /**
   * Renews the lease no more. `deregister`: also ends the registration, because nothing that this process claimed is left to
   * recover; rejects if that does not succeed within `timeoutMs`. Without it, what the process may still hold is recovered as that
   * of a dead process. Only the first call counts.
   */
  stop({ deregister: deregisters, timeoutMs = FINAL_WRITE_TIMEOUT_MS }: StopOptions): Promise<void> {
    this.stopping ??= this.doStop(deregisters, timeoutMs);
    return this.stopping;
  }

  private async doStart(): Promise<void> {
    // Side by side: the heartbeat's session lock has to be held when the process registers, and not before.
    const prepared = this.options.prepare();
    // Handled below, when the heartbeat has started.
    prepared.catch(() => undefined);
    try {
      await this.heartbeat.start();
    } catch (error) {
      await prepared.catch(() => undefined);
      throw error;
    }
    await this.join(prepared);
  }

  private async doStop(deregisters: boolean, timeoutMs: number): Promise<void> {
    try {
      if (deregisters && !(await withTimeout(this.deregister(), timeoutMs)))
        throw new Error(`the database did not take the deregistration within ${timeoutMs} ms`);
    } finally {
      // Also after a failure: a thread that went on would renew the lease of a process that has ended.
      await this.heartbeat.stop();
    }
  }

  private async deregister(): Promise<void> {
    await this.starting?.catch(() => undefined);
    await this.rejoining;
    const workerId = this.lease.current;
    if (workerId !== undefined) await deregister(this.options.db, workerId);
  }

  private async join(first?: ReturnType<MembershipOptions['prepare']>): Promise<void> {
    const { db, process, settings } = this.options;
    const registration = { ...process, leaseSeconds: settings.leaseSeconds, sessionLock: this.heartbeat.sessionLock };
    for (let tries = 1; tries <= MAX_REGISTRATION_TRIES; tries += 1) {
      const { known, joined } = await (tries === 1 && first !== undefined ? first : this.options.prepare());
      const registered = await registerIn(db, registration, known);
      if (registered === undefined) continue;
      const { workerId, pauses } = registered;
      joined();
      this.options.onPauses?.(pauses);
      this.ownLease.take(workerId);
      this.heartbeat.renew(workerId);
      return;
    }
    throw new TaskerError(
      'DATABASE_CHANGING',
      `the database was replaced or taken back ${MAX_REGISTRATION_TRIES} times while this ${process.role} joined it: see that DATABASE_URL leads to one server, and start it again`,
      { role: process.role },
    );
  }

  private rejoin(formerId: string): void {
    if (this.stopping !== undefined || formerId !== this.lease.current || this.rejoining !== undefined) return;
    this.ownLease.lose();
    this.options.onLeaseLost(formerId);
    this.rejoining = this.joinAgain().finally(() => {
      this.rejoining = undefined;
    });
  }

  /** Until it succeeds: the former id may be valid in another state of the database than the one that was prepared for. */
  private async joinAgain(): Promise<void> {
    while (this.stopping === undefined) {
      try {
        return await this.join();
      } catch (error) {
        this.options.onError('rejoin', error);
        await new Promise((resolve) => setTimeout(resolve, this.options.settings.heartbeatIntervalMs));
      }
    }
  }
}
