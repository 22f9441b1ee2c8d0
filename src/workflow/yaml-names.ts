import { legalName } from './names.ts';
import type { YamlWorkflow } from './yaml-fields.ts';

/**
 * The fields with legal names in place of those of Tasker (Ruby), wherever they stand: `orders/create` becomes `orders_create`, `ShipIt`
 * becomes `ship_it`. `onRename` is called once for each name that changed. A text of which no name can be made stays, and is refused.
 */
export function withLegalNames(
  workflow: YamlWorkflow,
  onRename: (from: string, to: string) => void = () => undefined,
): YamlWorkflow {
  const seen = new Set<string>();
  const legal = (from: string): string => {
    const to = legalName(from) ?? from;
    if (to !== from && !seen.has(from)) onRename(from, to);
    seen.add(from);
    return to;
  };
  const step = <Step extends YamlWorkflow['step_templates'][number] | { name: string }>(own: Step): Step => ({
    ...own,
    name: legal(own.name),
    ...('depends_on_step' in own && own.depends_on_step !== undefined
      ? { depends_on_step: legal(own.depends_on_step) }
      : {}),
    ...('depends_on_steps' in own && own.depends_on_steps !== undefined
      ? { depends_on_steps: own.depends_on_steps.map(legal) }
      : {}),
    ...('uses' in own && own.uses !== undefined ? { uses: own.uses.map(legal) } : {}),
  });
  return {
    ...workflow,
    name: legal(workflow.name),
    ...(workflow.namespace_name === undefined ? {} : { namespace_name: legal(workflow.namespace_name) }),
    ...(workflow.named_steps === undefined ? {} : { named_steps: workflow.named_steps.map(legal) }),
    step_templates: workflow.step_templates.map(step),
    ...(workflow.environments === undefined
      ? {}
      : {
          environments: Object.fromEntries(
            Object.entries(workflow.environments).map(([name, settings]) => [
              name,
              settings === null
                ? null
                : {
                    ...settings,
                    ...(settings.step_templates === undefined
                      ? {}
                      : { step_templates: settings.step_templates.map(step) }),
                  },
            ]),
          ),
        }),
  };
}
