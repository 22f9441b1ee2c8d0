import { useState } from 'preact/hooks';
import { apiUrl } from '../settings.ts';
import { copyText } from './copy.tsx';
import { Icon } from './icons.tsx';
import { toast } from './toasts.tsx';

/** The same for a terminal: quoted for a POSIX shell if it has to be. */
export const shellWord = (text: string): string =>
  /^[\w./:@=,+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** What is shown here, for a terminal, for another program, or for somebody else. `text`: where the same is as plain text. */
export function CopyAs({ command, path, text }: { command: string; path: string; text?: string }) {
  const [open, setOpen] = useState(false);
  const copy = async (what: string): Promise<void> => {
    setOpen(false);
    toast((await copyText(what)) ? `Copied: ${what}` : 'The browser does not let this page copy', 'plain');
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
        {text === undefined ? null : (
          <a href={text} target="_blank">
            Open as plain text
          </a>
        )}
      </div>
    </details>
  );
}
