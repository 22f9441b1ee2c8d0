import { useEffect, useRef, useState } from 'preact/hooks';
import type { TaskState } from '../../api/types.ts';
import { PHASES, phaseOfTask } from '../../phase.ts';
import { Icon, PhaseIcon } from '../../ui/icons.tsx';
import { TERM_NAMES, toggleTerm, valuesOf } from './search-terms.ts';

const STATES: readonly TaskState[] = ['error', 'in_progress', 'pending', 'complete', 'cancelled', 'resolved_manually'];
const AGES = [
  ['<1h', 'Last hour'],
  ['<24h', 'Last day'],
] as const;

/** A line of terms, and buttons for those that are used most: both are the same thing in the address. */
export function Filters({
  text,
  search,
  problems,
  workflow,
}: {
  text: string;
  search: (text: string) => void;
  problems: readonly string[];
  /** One that there is, for the example. */
  workflow: string | undefined;
}) {
  const [typed, setTyped] = useState(text);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(text), [text]);
  const has = (name: string, value: string): boolean => valuesOf(text, name).includes(value);
  return (
    <div class="filters">
      <form
        class="search-bar"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          search(typed.trim());
        }}
      >
        <div class="search-field">
          <Icon name="search" />
          <input
            ref={field}
            type="search"
            aria-label="Search tasks"
            aria-describedby="search-help"
            autocomplete="off"
            spellcheck={false}
            list="search-terms"
            placeholder={`An id, or terms: workflow:${workflow ?? 'shop/checkout'} input.order_id:10248 error:ECONNREFUSED`}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <datalist id="search-terms">
            {TERM_NAMES.map((name) => (
              <option key={name} value={`${typed.replace(/\S*$/, '')}${name}${name.endsWith('.') ? '' : ':'}`} />
            ))}
          </datalist>
        </div>
        <button type="submit" class="button">
          Search
        </button>
      </form>
      <p id="search-help" class="off-screen">
        Terms: {TERM_NAMES.join(', ')}, each with a colon and a value. Quotation marks around spaces.
      </p>
      {problems.length === 0 ? null : (
        <ul class="field-problem" role="alert">
          {problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      <div class="chips" role="group" aria-label="States">
        {STATES.map((state) => {
          const phase = phaseOfTask(state);
          return (
            <button
              key={state}
              type="button"
              class={`chip phase-${phase}`}
              aria-pressed={has('state', state)}
              onClick={() => search(toggleTerm(text, { name: 'state', value: state }))}
            >
              <PhaseIcon phase={phase} size={13} />
              {PHASES[phase].label}
            </button>
          );
        })}
        {AGES.map(([value, label]) => (
          <button
            key={value}
            type="button"
            class="chip"
            aria-pressed={has('age', value)}
            onClick={() => search(toggleTerm(text, { name: 'age', value }))}
          >
            {label}
          </button>
        ))}
        {text === '' ? null : (
          <button type="button" class="chip" onClick={() => search('')}>
            <Icon name="close" size={12} /> Clear
          </button>
        )}
      </div>
    </div>
  );
}
