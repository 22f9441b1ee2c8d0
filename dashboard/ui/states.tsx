import type { ComponentChildren } from 'preact';
import type { Problem } from '../api/request.ts';
import type { Query } from '../api/query.ts';
import { sentence } from '../format.ts';
import { Icon, type IconName } from './icons.tsx';
import { Copy } from './copy.tsx';

/** Nothing to show, and why; with what would change that. */
export function Empty({
  icon = 'check',
  title,
  children,
}: {
  icon?: IconName;
  title: string;
  children?: ComponentChildren;
}) {
  return (
    <div class={icon === 'check' ? 'empty good' : 'empty'}>
      <span class="empty-icon">
        <Icon name={icon} size={22} />
      </span>
      <p class="empty-title">{title}</p>
      {children === undefined ? null : <div class="empty-text">{children}</div>}
    </div>
  );
}

/** Of the size of what will come, so that nothing jumps. */
export function Loading({ rows = 3, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div class="loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} class="bone" style={{ width: `${92 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function ProblemBox({ problem, reload }: { problem: Problem; reload?: () => void }) {
  // The message of a problem with one fault has it already.
  const errors = problem.errors.filter(({ pointer, detail }) => !problem.message.includes(`${pointer} ${detail}`));
  return (
    <div class="problem" role="alert">
      <p class="problem-title">
        <Icon name="failures" /> {problem.title}
      </p>
      <p>{sentence(problem.message)}</p>
      {errors.length === 0 ? null : (
        <ul>
          {errors.map(({ pointer, detail }) => (
            <li key={pointer + detail}>
              <code>{pointer}</code> {detail}
            </li>
          ))}
        </ul>
      )}
      <p class="problem-foot">
        <code>{problem.code}</code>
        {problem.requestId === undefined ? null : (
          <>
            {' '}
            request_id <code>{problem.requestId}</code> <Copy text={problem.requestId} label="Copy request_id" />
          </>
        )}
        {reload === undefined ? null : (
          <button type="button" class="button small" onClick={reload}>
            Try again
          </button>
        )}
      </p>
    </div>
  );
}

/** What a page shows of what it asked for: bones, the problem, or the data, over which a later problem is a line. */
export function Shown<Body>({
  query,
  rows,
  children,
}: {
  query: Query<Body>;
  rows?: number;
  children: (data: Body) => ComponentChildren;
}) {
  const { data, problem, loading, reload } = query;
  if (data === undefined) {
    if (problem !== undefined && !loading) return <ProblemBox problem={problem} reload={reload} />;
    return <Loading {...(rows === undefined ? {} : { rows })} />;
  }
  return (
    <>
      {problem === undefined ? null : (
        <p class="stale" role="status">
          <Icon name="failures" size={14} /> Not up to date: {problem.title}
          {problem.requestId === undefined ? '' : ` (request_id ${problem.requestId})`}
        </p>
      )}
      {children(data)}
    </>
  );
}
