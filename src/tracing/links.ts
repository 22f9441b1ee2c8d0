/** Pages of other tools about a task: TASKER_TRACE_URL and TASKER_LOG_URL. */
export interface LinkTemplates {
  readonly traceUrl?: string | undefined;
  readonly logUrl?: string | undefined;
}

/** The names that a template can have, in braces. */
interface LinkValues {
  readonly trace_id?: string;
  readonly task_id?: string;
  readonly step?: string;
  readonly attempt?: string;
}

/** The link for these values; undefined: there is no template, or it names a value that there is none of. */
export function fillLink(template: string | undefined, values: LinkValues): string | undefined {
  if (template === undefined) return undefined;
  let complete = true;
  const link = template.replaceAll(/\{(\w+)\}/g, (_, name: keyof LinkValues) => {
    const value = values[name];
    if (value === undefined) complete = false;
    return encodeURIComponent(value ?? '');
  });
  return complete ? link : undefined;
}
