import { queryOf, setQuery } from '../router.ts';

/** Through a list whose newest page comes first; the place in it is in the address. */
export function Pager({ next }: { next: string | null }) {
  const isFirst = queryOf('cursor') === '';
  if (isFirst && next === null) return null;
  return (
    <nav class="pager" aria-label="Pages of the list">
      <span>{isFirst ? 'The newest' : 'Older ones'}</span>
      <button
        type="button"
        class="button small"
        disabled={isFirst}
        onClick={() => setQuery({ cursor: undefined }, { replace: false })}
      >
        Newest
      </button>
      <button
        type="button"
        class="button small"
        disabled={next === null}
        onClick={() => setQuery({ cursor: next ?? undefined }, { replace: false })}
      >
        Older
      </button>
    </nav>
  );
}
