import type { SourceTask } from './source-task.ts';

/** Tags of a task with its annotations among them, and the annotations as they were, for the books. */
export function tagsOf(task: SourceTask): {
  tags: string | null;
  annotations: { name: string; annotation: unknown }[];
} {
  const annotations = task.annotations.map(({ name, annotation }) => ({
    name,
    annotation: annotation === null ? null : (JSON.parse(annotation) as unknown),
  }));
  const added = [...new Set(annotations.flatMap(({ name, annotation }) => tagsOfAnnotation(name, annotation)))];
  if (added.length === 0) return { tags: task.tags, annotations };
  const tags = task.tags === null ? null : (JSON.parse(task.tags) as unknown);
  const list = tags === null ? [] : Array.isArray(tags) ? tags : [tags];
  return { tags: JSON.stringify([...new Set([...list, ...added])]), annotations };
}

/** `customer=42` for a plain value, `customer.id=42` for each plain member of an object. Anything deeper is no tag. */
function tagsOfAnnotation(name: string, annotation: unknown): string[] {
  if (isPlain(annotation)) return [`${name}=${String(annotation)}`];
  if (typeof annotation !== 'object' || annotation === null || Array.isArray(annotation)) return [];
  return Object.entries(annotation).flatMap(([key, value]) =>
    isPlain(value) ? [key === 'value' ? `${name}=${String(value)}` : `${name}.${key}=${String(value)}`] : [],
  );
}

const isPlain = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value);
