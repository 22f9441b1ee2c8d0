import type { TargetedKeyboardEvent } from 'preact';
/** Tabs by the pattern of ARIA: arrow keys go from one to the next. */
export function Tabs<Name extends string>({
  label,
  tabs,
  chosen,
  choose,
}: {
  label: string;
  tabs: readonly (readonly [Name, string])[];
  chosen: Name;
  choose: (name: Name) => void;
}) {
  const pressed = (event: TargetedKeyboardEvent<HTMLElement>): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    // By what has the focus, which a key moves at once: the next one may come before the page has rendered.
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=tab]')];
    const next = (buttons.indexOf(event.target as HTMLElement) + step + tabs.length) % tabs.length;
    choose((tabs[next] as readonly [Name, string])[0]);
    buttons[next]?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={pressed}>
      {tabs.map(([name, text]) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={name === chosen}
          tabIndex={name === chosen ? 0 : -1}
          onClick={() => choose(name)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
