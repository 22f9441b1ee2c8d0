import { useState } from 'preact/hooks';
import { formatCount, plural } from '../../format.ts';
import { Ago, formatTime, zoneName } from '../../ui/time.tsx';
import { useTabTitle } from '../../ui/tab-title.ts';
import { Icon } from '../../ui/icons.tsx';
import { PhaseIcon } from '../../ui/icons.tsx';
import type { Concern } from './find-concerns.ts';

const AT_ONCE = 8;

export function Concerns({
  concerns,
  complete,
  at,
  checked: what,
}: {
  concerns: readonly Concern[];
  complete: boolean;
  at: number | undefined;
  /** What was looked at. */
  checked: string;
}) {
  const [all, setAll] = useState(false);
  const bad = concerns.filter(({ level }) => level === 'bad').length;
  useTabTitle(bad === 0 ? 'Now' : `(${bad}) Now`);
  const checked = `Checked${at === undefined ? '' : ` at ${formatTime(at).slice(11)} ${zoneName()}`}: ${what}.`;
  if (concerns.length === 0) {
    return (
      <section class="card all-good" aria-label="What needs somebody">
        <span class="all-good-icon">
          <Icon name="check" size={18} />
        </span>
        <div>
          <h2>Nothing needs you</h2>
          <p class="soft small">{checked}</p>
        </div>
      </section>
    );
  }
  const shown = all ? concerns : concerns.slice(0, AT_ONCE);
  const more = concerns.length - shown.length;
  return (
    <section class="card" aria-labelledby="concerns">
      <header class="card-head stacked">
        <h2 id="concerns">
          {bad > 0 ? `${plural(bad, 'thing')} need${bad === 1 ? 's' : ''} somebody` : 'Good to know'}
          {bad > 0 && bad < concerns.length ? `, ${formatCount(concerns.length - bad)} to know of` : ''}
        </h2>
        <p class="muted small">{checked}</p>
      </header>
      <ul class="concerns">
        {shown.map(({ key, level, title, text, href, link, at: seen }) => (
          <li key={key} class={level}>
            <PhaseIcon phase={level === 'bad' ? 'blocked' : 'backoff'} size={16} />
            <div class="concern-text">
              <p class="concern-title">
                <a href={href}>{title}</a>
              </p>
              <p class="soft concern-detail">
                {text.split('`').map((part, index) => (index % 2 === 0 ? part : <code key={index}>{part}</code>))}
              </p>
            </div>
            <div class="concern-side">
              {seen === undefined ? null : (
                <span class="muted small">
                  last seen <Ago at={seen} />
                </span>
              )}
              <a class="button small" href={href}>
                {link}
              </a>
            </div>
          </li>
        ))}
      </ul>
      {more > 0 || !complete ? (
        <p class="card-foot muted small">
          {more > 0 ? (
            <button type="button" class="link-button" onClick={() => setAll(true)}>
              Show {more} more
            </button>
          ) : null}
          {complete ? '' : 'More steps are in error than were read: the numbers are of the newest.'}
        </p>
      ) : null}
    </section>
  );
}
