import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { indented, type JsonNode, membersOf, nodeAt } from '../../dashboard/ui/json-text.ts';

/** Reads a document through the viewer's eyes. */
function read(text: string, node: JsonNode = nodeAt(text, 0)): unknown {
  const source = text.slice(node.start, node.end);
  if (node.kind !== 'object' && node.kind !== 'array') return JSON.parse(source);
  const { members } = membersOf(text, node, Infinity);
  if (node.kind === 'array') return members.map((member) => read(text, member.node));
  return Object.fromEntries(members.map((member) => [JSON.parse(member.key ?? '""'), read(text, member.node)]));
}

describe('JSON as text', () => {
  it('is read as JSON.parse reads it, however it is written', () => {
    const values = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(read(text)).toEqual(JSON.parse(text));
        expect(JSON.parse(indented(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps every digit', () => {
    const text = '{"a":9007199254740993,"b":[1e400,-0.10,1.0],"c":12345678901234567890.5}';
    const numbers = membersOf(text, nodeAt(text, 0), 10).members.map(({ node }) => text.slice(node.start, node.end));
    expect(numbers).toEqual(['9007199254740993', '[1e400,-0.10,1.0]', '12345678901234567890.5']);
    expect(indented(text).replaceAll(/\s/g, '')).toBe(text);
  });

  it('is read in portions', () => {
    const text = JSON.stringify(Array.from({ length: 250 }, (_, index) => index));
    const root = nodeAt(text, 0);
    const first = membersOf(text, root, 100);
    const second = membersOf(text, root, 200, first.next);
    expect([first.members.length, second.members.length, second.next]).toEqual([100, 150, undefined]);
  });

  it('ends also if it is no JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ 1an') }), (text) => {
        const root = nodeAt(text, 0);
        if (root.kind === 'object' || root.kind === 'array') membersOf(text, root, 50);
        expect(indented(text).replaceAll(/\s/g, '').length).toBeLessThanOrEqual(text.length);
      }),
    );
  });

  it('costs what is unfolded: a document of 20 MB is open at once', () => {
    const text = `{"big":[${'{"a":"bcdefghij"},'.repeat(1_100_000)}0]}`;
    const began = performance.now();
    const { members } = membersOf(text, nodeAt(text, 0), 100);
    expect(membersOf(text, members[0]?.node as JsonNode, 100).members).toHaveLength(100);
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
