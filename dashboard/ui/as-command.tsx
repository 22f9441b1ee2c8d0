import { apiUrl } from '../settings.ts';
import { copyText } from './copy.tsx';
import { Menu } from './menu.tsx';
import { toast } from './toasts.tsx';

/** The same for a terminal: quoted for a POSIX shell if it has to be. */
export const shellWord = (text: string): string =>
  /^[\w./:@=,+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** What is shown here, for a terminal, for another program, or for somebody else. `text`: where the same is as plain text. */
export function CopyAs({ command, path, text }: { command: string; path: string; text?: string }) {
  const copy = async (what: string): Promise<void> => {
    toast((await copyText(what)) ? `Copied: ${what}` : 'The browser does not let this page copy', 'plain');
  };
  const curl = `curl -H "Authorization: Bearer $TASKER_API_KEY" ${shellWord(apiUrl(path))}`;
  return (
    <Menu title="Copy as" icon="copy">
      {(close) => {
        const copied = (what: string) => () => {
          close();
          void copy(what);
        };
        return (
          <>
            <button type="button" onClick={copied(command)}>
              <code>tasker</code> command
            </button>
            <button type="button" onClick={copied(curl)}>
              <code>curl</code> command
            </button>
            <button type="button" onClick={() => copied(location.href)()}>
              Link to this page
            </button>
            {text === undefined ? null : (
              <a href={text} target="_blank">
                Open as plain text
              </a>
            )}
          </>
        );
      }}
    </Menu>
  );
}
