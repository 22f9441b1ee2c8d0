/** Loaded before a worker (`node --import`): shifts its wall clock by CHAOS_CLOCK_OFFSET_MS, on which the engine must not depend. */
const offsetMs = Number(process.env['CHAOS_CLOCK_OFFSET_MS'] ?? 0);
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...args: [] | [number | string | Date]) {
    if (args.length === 0) super(RealDate.now() + offsetMs);
    else super(...args);
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

if (offsetMs !== 0) globalThis.Date = ShiftedDate as DateConstructor;
