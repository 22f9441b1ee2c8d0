/**
 * Where the claimer waits between two rounds. Whatever makes work or room wakes it here, and so nothing needs the claimer itself.
 */
export class ClaimSignal {
  /** A claim statement is under way. */
  claiming = false;
  /** The last round left work behind: the next slot that becomes free is reason enough for another. */
  hungry = true;
  private woken = false;
  private wakeUp: () => void = () => undefined;

  /** There may be work: the next round begins now, without an idle check. */
  wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  /** A slot is free again: wakes if the last round left work behind. */
  slotFreed(): void {
    if (this.hungry) this.wake();
  }

  get isWoken(): boolean {
    return this.woken;
  }

  /** Whether the claimer was woken since the last call. */
  take(): boolean {
    const { woken } = this;
    this.woken = false;
    return woken;
  }

  /** Resolves after `ms`, or when the claimer is woken. */
  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = () => undefined;
  }
}
