import {
  type Document,
  LineCounter,
  type Pair,
  type YAMLMap,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import { WorkflowDefinitionError } from '../errors.ts';
import type { Json } from './json.ts';
import { preview } from './preview.ts';
import { storableText } from './storable-text.ts';
import { toStorableJson } from './to-storable-json.ts';

/** Bound of the text, and of its content with aliases expanded. 10,000 steps take about 0.7 MB. */
export const MAX_YAML_BYTES = 2 ** 21;
const MAX_ALIASES = 1000;
const MAX_PROBLEMS_SHOWN = 20;

export type YamlPath = readonly (string | number)[];

export interface YamlProblem {
  readonly line: number;
  readonly column: number;
  /** `step_templates[2].default_retry_limit`; empty for the document. */
  readonly field: string;
  readonly message: string;
}

/** A parsed text with the position of every value, which collects the problems. */
export class YamlDocument {
  readonly value: Json;
  readonly problems: YamlProblem[] = [];
  readonly #document: Document.Parsed | undefined;
  readonly #lines = new LineCounter();
  readonly #source: string;
  /** Searching a map of thousands of keys for each of thousands of mistakes would take minutes. */
  readonly #pairs = new Map<YAMLMap, Map<unknown, Pair>>();

  /** Throws WorkflowDefinitionError for a text that is not YAML, too large, or not plain data. */
  constructor(text: string, source: string) {
    this.#source = source;
    if (typeof text !== 'string') this.#fail(`is ${preview(text)}: it is a text`);
    if (text.length > MAX_YAML_BYTES) this.#fail(`is longer than ${MAX_YAML_BYTES} bytes`);
    // The library compares every key of a map with every other, which takes seconds for 20,000 keys, so this file checks for
    // duplicates.
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      logLevel: 'error',
      merge: true,
      stringKeys: true,
      uniqueKeys: false,
      resolveKnownTags: false,
    });
    this.#document = document;
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      this.#addAt(pos[0], '', message === 'Maximum call stack size exceeded' ? 'is nested too deeply' : message);
    }
    this.throwProblems();
    this.#findDuplicateKeys(document);
    this.throwProblems();
    this.value = this.#plainValue(document);
  }

  /** `path` is the place of the value; with `key`, the problem is about that key of it. */
  add(path: YamlPath, message: string, key?: string): void {
    const whole = key === undefined ? path : [...path, key];
    this.#addAt(this.#offsetOf(path, key), fieldText(whole), message);
  }

  throwProblems(): void {
    if (this.problems.length === 0) return;
    const lines = this.problems.map(({ line, column, field, message }) => {
      return `line ${line}, column ${column}: ${field === '' ? '' : `${field} `}${message}`;
    });
    const shown = lines.slice(0, MAX_PROBLEMS_SHOWN);
    if (lines.length > shown.length) shown.push(`... and ${lines.length - shown.length} more`);
    const list = shown.length === 1 ? ` ${shown[0]}` : shown.map((line) => `\n  - ${line}`).join('');
    throw new WorkflowDefinitionError(`${this.#source}:${list}`, { source: this.#source, problems: this.problems });
  }

  #plainValue(document: Document.Parsed): Json {
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      this.#fail(
        message.startsWith('Excessive alias count')
          ? `expands to more than ${MAX_ALIASES} aliases: write the repeated parts out`
          : `cannot be read: ${storableText(message, 200)}`,
      );
    }
    // Up to here aliases are shared objects: written out they may be many times the text, or endless.
    const storable = toStorableJson(value, { maxBytes: MAX_YAML_BYTES, label: 'it', plainOnly: true });
    if (!storable.ok) this.#fail(`is not plain data: ${storable.reason}`);
    return JSON.parse(storable.json) as Json;
  }

  #findDuplicateKeys(document: Document.Parsed): void {
    visit(document, {
      Map: (_, map) => {
        const seen = new Set<unknown>();
        for (const { key } of map.items) {
          if (!isScalar(key) || key.value === '<<') continue;
          if (seen.has(key.value)) this.#addAt(key.range?.[0] ?? 0, '', `the key ${preview(key.value)} is there twice`);
          seen.add(key.value);
        }
      },
    });
  }

  #fail(message: string): never {
    throw new WorkflowDefinitionError(`${this.#source} ${message}`, { source: this.#source });
  }

  #addAt(offset: number, field: string, message: string): void {
    // The counter returns line 0 if it has seen no line: the text is empty.
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      field,
      message: storableText(message, 1000),
    });
  }

  /** The nearest place in the text: a value from an alias or a merge stands elsewhere, so the place that uses it is given. */
  #offsetOf(path: YamlPath, key: string | undefined): number {
    let node: unknown = this.#document?.contents;
    let offset = 0;
    for (const part of path) {
      offset = startOf(node) ?? offset;
      if (isMap(node)) {
        const pair = this.#pairOf(node, part);
        if (pair === undefined) return offset;
        offset = startOf(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[part as number];
      } else return offset;
    }
    if (key !== undefined && isMap(node)) {
      const pair = this.#pairOf(node, key);
      if (pair !== undefined) return startOf(pair.key) ?? offset;
    }
    return startOf(node) ?? offset;
  }

  #pairOf(map: YAMLMap, key: string | number): Pair | undefined {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      pairs = new Map(map.items.flatMap((pair) => (isScalar(pair.key) ? [[pair.key.value, pair]] : [])));
      this.#pairs.set(map, pairs);
    }
    return pairs.get(key);
  }
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: readonly [number, number, number] | null } | null | undefined)?.range?.[0];
}

function fieldText(path: YamlPath): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = storableText(part, 64);
      return /^[\w$-]+$/.test(text) ? `${index === 0 ? '' : '.'}${text}` : `[${JSON.stringify(text)}]`;
    })
    .join('');
}
