/** Something that a handler did to the world: a payment, a mail, a row in another database. */
export interface EffectOptions {
  /**
   * By what the other side recognises a repetition, such as an idempotency key: however often it is recorded with the same key, it
   * happened once. Without a key each record is an effect of its own.
   */
  key?: string;
  /** What was asked for: with the same key it has to be the same each time. JSON. */
  value?: unknown;
}

type Recorder = (name: string, options: EffectOptions) => void;

/** Registered, so that a program with two copies of this package has one. */
const RECORDER = Symbol.for('tasker-fleet.testing.effects');
const place = globalThis as { [RECORDER]?: Recorder };

/** Records effects for `crashAtEveryBoundary`; elsewhere it does nothing. */
export const effects = {
  /** Call it where the effect happens (in the fake of a payment provider, for example), immediately after it. */
  record(name: string, options: EffectOptions = {}): void {
    place[RECORDER]?.(name, options);
  },
};

export function recordEffectsWith(recorder: Recorder): void {
  place[RECORDER] = recorder;
}

/** One record, as the process that was killed left it. */
export interface RecordedEffect {
  readonly name: string;
  /** Undefined: recorded outside of a handler. */
  readonly step: string | undefined;
  readonly attempt: number | undefined;
  readonly key: string | undefined;
  /** JSON text. */
  readonly value: string | undefined;
}
