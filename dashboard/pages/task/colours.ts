import type { Phase } from '../../phase.ts';
import { PHASES } from '../../phase.ts';

/** The colours of the style sheet, for a canvas. */
export interface Colours {
  readonly surface: string;
  readonly ground: string;
  readonly line: string;
  readonly strong: string;
  readonly text: string;
  readonly soft: string;
  readonly accent: string;
  readonly phase: Readonly<Record<Phase, string>>;
  readonly phaseGround: Readonly<Record<Phase, string>>;
}

export function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const names: Readonly<Partial<Record<Phase, string>>> = { pending: 'waiting', failed: 'blocked' };
  const phases = Object.keys(PHASES) as Phase[];
  const all = (suffix: string): Record<Phase, string> =>
    Object.fromEntries(phases.map((phase) => [phase, of(`${names[phase] ?? phase}${suffix}`)])) as Record<
      Phase,
      string
    >;
  return {
    surface: of('surface'),
    ground: of('ground'),
    line: of('line'),
    strong: of('line-strong'),
    text: of('text'),
    soft: of('text-soft'),
    accent: of('accent'),
    phase: all(''),
    phaseGround: all('-ground'),
  };
}
