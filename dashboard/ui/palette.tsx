import { signal } from '@preact/signals';
import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { request } from '../api/request.ts';
import type { SearchPath, WorkflowVersion } from '../api/types.ts';
import { isOffered, PAGES } from '../pages.ts';
import { TERM_NAMES } from '../pages/tasks/search-terms.ts';
import { navigate } from '../router.ts';
import { may, seesFleet } from '../session.ts';
import { Dialog } from './dialog.tsx';
import { Icon, type IconName } from './icons.tsx';

const open = signal(false);
export const openPalette = (): void => {
  open.value = true;
};

interface Choice {
  readonly icon: IconName;
  readonly text: string;
  readonly hint: string;
  readonly to: string;
}

export const Palette = () => (open.value ? <OpenPalette close={() => (open.value = false)} /> : null);

function OpenPalette({ close }: { close: () => void }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const [workflows, setWorkflows] = useState<readonly string[]>([]);
  const [paths, setPaths] = useState<readonly string[]>([]);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    if (!may('fleet:read')) return;
    request<{ items: WorkflowVersion[] }>('/v1/workflows').then(
      ({ body }) =>
        setWorkflows([...new Set(body?.items.map(({ namespace, workflow }) => `${namespace}/${workflow}`))]),
      () => undefined,
    );
    if (!seesFleet()) return;
    request<{ items: SearchPath[] }>('/v1/search-paths').then(
      ({ body }) => setPaths([...new Set(body?.items.map(({ path }) => path))]),
      () => undefined,
    );
  }, []);
  const choices = useMemo(() => choicesOf(text, workflows, paths), [text, workflows, paths]);
  const go = (choice: Choice | undefined): void => {
    if (choice === undefined) return;
    close();
    navigate(choice.to);
  };
  // As the last key left them: several may come before the page has rendered the first.
  const at = useRef(0);
  const choose = (place: number): void => {
    at.current = place;
    setChosen(place);
  };
  const pressed = (event: TargetedKeyboardEvent<HTMLInputElement>): void => {
    const { value } = event.currentTarget;
    const present = value === text ? choices : choicesOf(value, workflows, paths);
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      const next = (at.current + step + present.length) % Math.max(1, present.length);
      choose(next);
      list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') go(present[at.current]);
  };
  return (
    <Dialog title="Search or jump to" kind="palette" close={close}>
      <div class="palette-field">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-label="Search or jump to"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={choices.length === 0 ? undefined : `choice-${chosen}`}
          autofocus
          placeholder="An id, a workflow, a page, input.order:A-7"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onKeyDown={pressed}
          onInput={(event) => {
            setText(event.currentTarget.value);
            choose(0);
          }}
        />
        <kbd>Esc</kbd>
      </div>
      <ul id="palette-list" role="listbox" aria-label="Places" class="palette-list" ref={list}>
        {choices.map((choice, index) => (
          <li
            key={choice.to + choice.text}
            id={`choice-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => go(choice)}
            onPointerMove={() => choose(index)}
          >
            <Icon name={choice.icon} />
            <span class="palette-text">{choice.text}</span>
            <span class="muted">{choice.hint}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

const quotedIn = (text: string): string => (/^[\w.@/-]+$/.test(text) ? text : JSON.stringify(text));
const searchFor = (q: string): string => `tasks?q=${encodeURIComponent(q)}`;

/** `paths`: of inputs by which tasks are found at once. */
function choicesOf(given: string, workflows: readonly string[], paths: readonly string[]): Choice[] {
  const text = given.trim();
  const found: Choice[] = [];
  const id = /^#?(\d{1,18})$/.exec(text)?.[1];
  if (id !== undefined) {
    found.push({ icon: 'tasks', text: `Task ${id}`, hint: 'by its id', to: `tasks/${id}` });
    found.push({ icon: 'search', text: `Key ${id}`, hint: 'tasks that have it', to: searchFor(`key:${id}`) });
  }
  if (text !== '' && !text.includes(':'))
    for (const path of paths) {
      const q = `${path}:${quotedIn(text)}`;
      found.push({ icon: 'search', text: q, hint: 'by its input', to: searchFor(q) });
    }
  // What has a colon is a search, and a name that is no term of it a field of an input.
  const term = /^([^\s":]+):./.exec(text)?.[1];
  if (term !== undefined) {
    const q = TERM_NAMES.some((name) => name === term || term.startsWith('input.')) ? text : `input.${text}`;
    found.push({ icon: 'search', text: q, hint: 'search tasks', to: searchFor(q) });
  }
  const lower = text.toLowerCase();
  for (const entry of PAGES) {
    const { path, title, icon } = entry;
    if (icon === undefined || !isOffered(entry)) continue;
    if (title.toLowerCase().includes(lower))
      found.push({ icon, text: title, hint: 'page', to: path === '' ? '.' : path });
  }
  for (const name of workflows.filter((each) => each.toLowerCase().includes(lower)).slice(0, 8)) {
    found.push({ icon: 'workflows', text: name, hint: 'tasks of the workflow', to: searchFor(`workflow:${name}`) });
  }
  if (text !== '' && id === undefined && term === undefined) {
    const quoted = quotedIn(text);
    found.push({
      icon: 'search',
      text: `Tag ${text}`,
      hint: 'tasks that have it',
      to: searchFor(`tag:${quoted}`),
    });
    found.push({
      icon: 'failures',
      text: `Error ${text}`,
      hint: 'tasks that fail with it',
      to: searchFor(`error:${quoted}`),
    });
  }
  return found.slice(0, 20);
}
