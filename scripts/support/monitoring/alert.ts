/** A series of a promtool test: values a minute apart, in promtool's notation. */
export interface TestSeries {
  readonly series: string;
  readonly values: string;
}

export interface Alert {
  readonly name: string;
  readonly expr: string;
  /**
   * Parts of `expr` that return something on every living fleet: the alert is silent because all is well, not for lack of
   * data.
   */
  readonly data: readonly string[];
  readonly for: string;
  readonly severity: 'critical' | 'warning' | 'info';
  readonly summary: string;
  readonly description: string;
  readonly test: {
    /** When it is evaluated, with both sets of series. */
    readonly at: string;
    readonly fires: readonly TestSeries[];
    /** Labels of the alert that fires, without its severity. */
    readonly labels: Readonly<Record<string, string>>;
    readonly silent: readonly TestSeries[];
  };
}

export const series = (name: string, values: string): TestSeries => ({ series: name, values });
