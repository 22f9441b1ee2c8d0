import { me } from './session.ts';

interface Values {
  readonly trace_id?: string;
  readonly task_id: string;
  readonly step?: string;
  readonly attempt?: string;
}

/** Pages of other tools about a task, a step or an attempt: those for which a template is configured and has all of its values. */
export function linksTo(values: Values): { readonly trace: string | undefined; readonly logs: string | undefined } {
  const { trace = null, log = null } = me.value?.links ?? {};
  return { trace: fillLink(trace, values), logs: fillLink(log, values) };
}

/** Undefined: there is no template, it names a value that there is none of, or it leads to something else than a page. */
export function fillLink(template: string | null, values: Values): string | undefined {
  if (template === null || !/^https?:\/\//.test(template)) return undefined;
  let complete = true;
  const link = template.replaceAll(/\{(\w+)\}/g, (_, name: keyof Values) => {
    const value = values[name];
    if (value === undefined) complete = false;
    return encodeURIComponent(value ?? '');
  });
  return complete ? link : undefined;
}
