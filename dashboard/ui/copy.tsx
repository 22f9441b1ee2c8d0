import { useState } from 'preact/hooks';
import { Icon } from './icons.tsx';
import { toast } from './toasts.tsx';

/** Also without TLS, where browsers have no clipboard: the text is selected in a field for a moment, and copied as a person would. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused: the other way needs no permission.
    }
  }
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'off-screen';
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  return done;
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      class="icon-button small"
      title={label}
      aria-label={label}
      onClick={async () => {
        if (!(await copyText(text))) return toast('The browser does not let this page copy', 'bad');
        setDone(true);
        setTimeout(() => setDone(false), 1500);
        return undefined;
      }}
    >
      <Icon name={done ? 'check' : 'copy'} size={14} />
    </button>
  );
}
