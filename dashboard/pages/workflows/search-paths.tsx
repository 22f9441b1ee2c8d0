import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { useQuery } from '../../api/query.ts';
import type { SearchPath } from '../../api/types.ts';
import { may, seesFleet } from '../../session.ts';
import { type Act, ActDialog } from '../../ui/act-dialog.tsx';
import { Ago } from '../../ui/time.tsx';

/** By which paths of their inputs the tasks of a workflow are found at once. The list is about the whole fleet, so not for everybody. */
export function SearchPaths({ full, path }: { full: string; path: string }) {
  const paths = useQuery<{ items: SearchPath[] }>(seesFleet() ? '/v1/search-paths' : undefined, { everySeconds: 15 });
  const [act, setAct] = useState<Act | 'enable'>();
  const own = paths.data?.items.filter(({ namespace, workflow }) => `${namespace}/${workflow}` === full);
  if (own === undefined) return null;
  return (
    <section class="card" aria-labelledby="search-paths">
      <header class="card-head">
        <h2 id="search-paths">Searchable inputs</h2>
        {may('queues:write') ? (
          <button type="button" class="button small" onClick={() => setAct('enable')}>
            Add a path…
          </button>
        ) : null}
      </header>
      <div class="card-body">
        {own.length === 0 ? (
          <p class="soft">
            No path is enabled. A search such as <code>input.order:10248</code> looks into inputs one task after
            another.
          </p>
        ) : (
          <dl class="pairs">
            {own.map((each) => (
              <Fragment key={each.path}>
                <dt>
                  <code>{each.path}</code>
                </dt>
                <dd>
                  {each.searched === each.stretches
                    ? 'found at once'
                    : `${Math.floor((100 * each.searched) / each.stretches)} % is entered`}
                  , by {each.enabled_by} <Ago at={each.enabled_at} />{' '}
                  {may('queues:write') ? (
                    <button
                      type="button"
                      class="button small"
                      aria-label={`Remove ${each.path}`}
                      onClick={() =>
                        setAct({
                          title: `Stop entering ${each.path} of ${full}`,
                          verb: 'Remove the path',
                          path: `${path}:unsearch`,
                          body: { path: each.path },
                          text: 'Searches look into the inputs again. What was entered is dropped within a day.',
                        })
                      }
                    >
                      Remove…
                    </button>
                  ) : null}
                </dd>
              </Fragment>
            ))}
          </dl>
        )}
      </div>
      {act === undefined ? null : act === 'enable' ? (
        <EnableAct full={full} path={path} close={() => setAct(undefined)} />
      ) : (
        <ActDialog act={act} close={() => setAct(undefined)} />
      )}
    </section>
  );
}

function EnableAct({ full, path, close }: { full: string; path: string; close: () => void }) {
  const [given, setGiven] = useState('input.');
  return (
    <ActDialog
      act={{
        title: `Add a path of ${full}`,
        verb: 'Enable',
        path: `${path}:search`,
        body: { path: given.trim() },
        unready: /^(input\.?)?$/.test(given.trim()),
        text: (
          <>
            <p>Schedulers enter the values of all tasks, the newest first. Submits do not pay for it.</p>
            <div class="field">
              <label for="search-path">Path</label>
              <input
                id="search-path"
                value={given}
                spellcheck={false}
                aria-describedby="search-path-hint"
                onInput={(event) => setGiven(event.currentTarget.value)}
              />
              <span id="search-path-hint" class="muted small">
                such as input.order or input.lines[].sku
              </span>
            </div>
          </>
        ),
      }}
      close={close}
    />
  );
}
