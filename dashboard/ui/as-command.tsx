import { useState } from 'preact/hooks';
import { apiUrl } from '../settings.ts';
import { copyText } from './copy.tsx';
import { Icon } from './icons.tsx';
import { toast } from './toasts.tsx';

/** The same for a terminal: quoted for a POSIX shell if it has to be. */
export const shellWord = (text: string): string =>
  /^[\w./:@=,+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** What is shown here, for a terminal, for another program, or for somebody else. */
export function CopyAs({ command, path }: { command: string; path: string }) {
  const [open, setOpen] = useState(false);
  const copy = async (text: string): Promise<void> => {
    setOpen(false);
    toast((await copyText(text)) ? `Copied: ${text}` : 'The browser does not let this page copy', 'plain');
  };
  const curl = `curl -H "Authorization: Bearer $TASKER_API_KEY" ${shellWord(apiUrl(path))}`;
  return (
    <details class="menu" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="button">
        <Icon name="copy" size={14} /> Copy as <Icon name="down" size={12} />
      </summary>
      <div class="menu-list">
        <button type="button" onClick={() => void copy(command)}>
          <code>tasker</code> command
        </button>
        <button type="button" onClick={() => void copy(curl)}>
          <code>curl</code> command
        </button>
        <button type="button" onClick={() => void copy(location.href)}>
          Link to this page
        </button>
      </div>
    </details>
  );
}
