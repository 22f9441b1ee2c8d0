import { isLoginRefused } from '../db/connections/sql-errors.ts';

/**
 * Notices that the database refuses the login of this process for longer than a lease: the password was changed, and whatever
 * the process held is others' by now. A process that can read the new password does so at its next connection; one that was
 * given it at its start has to end. Sessions that exist outlive a changed password, so one success starts the time anew.
 */
export class LoginWatch {
  /** Resolves, with an error for people, when the process should end. */
  readonly refused: Promise<Error>;
  private readonly leaseSeconds: number;
  private readonly end: (error: Error) => void;
  /** Times of the first refusal since the last success. The heartbeat has a connection of its own, which may fare differently. */
  private poolSince: number | undefined;
  private heartbeatSince: number | undefined;

  constructor(leaseSeconds: number) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.refused = promise;
    this.end = resolve;
    this.leaseSeconds = leaseSeconds;
  }

  /** A statement of the pool succeeded. */
  succeeded(): void {
    this.poolSince = undefined;
  }

  /** `leaseAgeSeconds`: since the last heartbeat that succeeded. */
  failed(doing: string, error: unknown, leaseAgeSeconds: number): void {
    if (!isLoginRefused(error)) return;
    const now = performance.now();
    const heartbeat = doing === 'heartbeat';
    const beatAt = now - leaseAgeSeconds * 1000;
    let since = heartbeat ? this.heartbeatSince : this.poolSince;
    if (since === undefined || (heartbeat && beatAt > since)) since = now;
    if (heartbeat) this.heartbeatSince = since;
    else this.poolSince = since;
    if (now - since < this.leaseSeconds * 1000) return;
    this.end(
      new Error(
        `the database has refused the login for longer than the lease (${this.leaseSeconds} s): ${(error as Error).message}`,
        { cause: error },
      ),
    );
  }
}
