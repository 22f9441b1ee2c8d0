import { paused } from '../../api/live.ts';
import { may, me, signOut } from '../../session.ts';
import { settings } from '../../settings.ts';
import { type Density, density, type Theme, theme } from '../../theme.ts';
import { PageHead } from '../../ui/page-head.tsx';
import { openShortcuts } from '../../ui/shortcuts.tsx';
import { clock, formatTime, localZone, setZone, zone, zoneName } from '../../ui/time.tsx';
import { Choices } from './choices.tsx';

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];
const DENSITIES: readonly (readonly [Density, string])[] = [
  ['comfortable', 'Comfortable'],
  ['compact', 'Compact'],
];

/** How the dashboard looks in this browser, and who it takes you for. */
export default function SettingsPage() {
  return (
    <div class="settings">
      <PageHead title="Settings" text="They are kept in this browser alone." />
      <section class="card card-body" aria-labelledby="looks">
        <h2 id="looks">Appearance</h2>
        <Choices label="Colours" choices={THEMES} chosen={theme.value} choose={(value) => (theme.value = value)} />
        <Choices
          label="Density"
          choices={DENSITIES}
          chosen={density.value}
          choose={(value) => (density.value = value)}
        />
      </section>
      <section class="card card-body" aria-labelledby="times">
        <h2 id="times">Times</h2>
        <label class="field" for="zone">
          Time zone
          <select id="zone" value={zone.value} onChange={(event) => setZone(event.currentTarget.value)}>
            <option value="local">Of this browser ({localZone})</option>
            <option value="UTC">UTC</option>
            {Intl.supportedValuesOf('timeZone')
              .filter((name) => name !== 'UTC')
              .map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
          </select>
        </label>
        <p class="soft small">
          Now it is {formatTime(clock.value)} {zoneName()}. Schedules show the zone of their own, too.
        </p>
      </section>
      <section class="card card-body" aria-labelledby="refreshing">
        <h2 id="refreshing">Refreshing and keys</h2>
        <label class="check-field">
          <input
            type="checkbox"
            checked={paused.value}
            onChange={(event) => (paused.value = event.currentTarget.checked)}
          />{' '}
          Nothing moves by itself in this tab
        </label>
        <p>
          <button type="button" class="button" onClick={openShortcuts}>
            Show the keys
          </button>
        </p>
      </section>
      <Who />
    </div>
  );
}

function Who() {
  const who = me.value;
  return (
    <section class="card card-body" aria-labelledby="who">
      <h2 id="who">Who you are</h2>
      {who === undefined ? (
        <p class="soft">The API has not said it yet.</p>
      ) : (
        <dl class="pairs">
          <dt>Name</dt>
          <dd class="break">{who.name}</dd>
          <dt>Role</dt>
          <dd>{who.role}</dd>
          <dt>Namespaces</dt>
          <dd class="break">{who.namespaces === null ? 'all' : who.namespaces.join(', ')}</dd>
          <dt>You may</dt>
          <dd class="chips">
            {who.permissions.filter(may).map((permission) => (
              <span key={permission} class="tag">
                {permission}
              </span>
            ))}
          </dd>
          <dt>API</dt>
          <dd>
            version {settings.version}
            {settings.read_only ? ', read only: nothing can be changed here' : ''}
          </dd>
        </dl>
      )}
      {settings.auth === 'keys' ? (
        <p>
          <button type="button" class="button" onClick={() => void signOut()}>
            Sign out
          </button>
        </p>
      ) : null}
    </section>
  );
}
