import { dashboard } from '../../scripts/support/monitoring/dashboard.ts';

/** Every expression of the panels. */
export function dashboardExpressions(): { title: string; expr: string }[] {
  return dashboard().panels.flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => ({ title, expr })));
}
