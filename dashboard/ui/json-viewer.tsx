import { useMemo, useState } from 'preact/hooks';
import { formatBytes } from '../format.ts';
import { type JsonNode, type Member, membersOf, nodeAt } from './json-text.ts';
import { Copy } from './copy.tsx';
import { Icon } from './icons.tsx';

/** Members of one level that are shown at once. */
const AT_ONCE = 100;
/** Letters of a text that are shown at once. */
const LETTERS = 1000;
/** Levels that are open from the start, if the document is small. */
const OPEN_LEVELS = 3;
const SMALL = 20_000;

/** A document as it is stored. `href`: where the whole of it can be downloaded. */
export function JsonViewer({ text, href }: { text: string; href?: string }) {
  const root = useMemo(() => nodeAt(text, 0), [text]);
  // A copy of all of it: made once, and not each second.
  const bytes = useMemo(() => new Blob([text]).size, [text]);
  return (
    <div>
      <div class="json-bar small">
        <span class="muted">{formatBytes(bytes)}</span>
        <Copy text={text} label="Copy the document" />
        {href === undefined ? null : (
          <a class="icon-button small" href={href} download title="Download" aria-label="Download">
            <Icon name="download" size={14} />
          </a>
        )}
      </div>
      <div class="json" tabIndex={0} role="group" aria-label="Document">
        <Value text={text} member={{ key: undefined, node: root }} open={text.length < SMALL ? OPEN_LEVELS : 1} />
      </div>
    </div>
  );
}

function Value({ text, member: { key, node }, open }: { text: string; member: Member; open: number }) {
  const name = key === undefined ? null : <span class="json-key">{key}: </span>;
  if (node.kind !== 'object' && node.kind !== 'array') {
    return (
      <div class="json-line">
        {name}
        <Scalar text={text} node={node} />
      </div>
    );
  }
  const [before, after] = node.kind === 'object' ? ['{', '}'] : ['[', ']'];
  if (membersOf(text, node, 1).members.length === 0) {
    return (
      <div class="json-line">
        {name}
        {before}
        {after}
      </div>
    );
  }
  return <Container text={text} node={node} name={name} brackets={[before as string, after as string]} open={open} />;
}

function Container({
  text,
  node,
  name,
  brackets,
  open,
}: {
  text: string;
  node: JsonNode;
  name: preact.ComponentChildren;
  brackets: readonly [string, string];
  open: number;
}) {
  const [isOpen, setOpen] = useState(open > 0);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name}
        {brackets[0]}
        {isOpen ? null : <span class="muted"> … {brackets[1]}</span>}
      </summary>
      {isOpen ? <MemberList text={text} node={node} open={open - 1} /> : null}
      {isOpen ? <div class="json-line">{brackets[1]}</div> : null}
    </details>
  );
}

function MemberList({ text, node, open }: { text: string; node: JsonNode; open: number }) {
  const [limit, setLimit] = useState(AT_ONCE);
  const { members, next } = useMemo(() => membersOf(text, node, limit), [text, node.start, limit]);
  return (
    <div class="json-members">
      {members.map((member) => (
        <Value key={member.node.start} text={text} member={member} open={open} />
      ))}
      {next === undefined ? null : (
        <button type="button" class="link-button json-line" onClick={() => setLimit(limit * 4)}>
          Show more
        </button>
      )}
    </div>
  );
}

function Scalar({ text, node }: { text: string; node: JsonNode }) {
  const [all, setAll] = useState(false);
  const isLong = !all && node.end - node.start > LETTERS;
  return (
    <>
      <span class={`json-${node.kind}`}>{text.slice(node.start, isLong ? node.start + LETTERS : node.end)}</span>
      {isLong ? (
        <button type="button" class="link-button" onClick={() => setAll(true)}>
          … {formatBytes(node.end - node.start)}, show all
        </button>
      ) : null}
    </>
  );
}
