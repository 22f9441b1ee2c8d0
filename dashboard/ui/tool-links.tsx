import { linksTo } from '../links.ts';
import { Icon } from './icons.tsx';

/** To the trace and to the lines of the log, in the tools of whoever runs the fleet. */
export function ToolLinks(of: Parameters<typeof linksTo>[0]) {
  const { trace, logs } = linksTo(of);
  return (
    <>
      {trace === undefined ? null : <ToolLink href={trace} text="Trace" />}
      {logs === undefined ? null : <ToolLink href={logs} text="Logs" />}
    </>
  );
}

const ToolLink = ({ href, text }: { href: string; text: string }) => (
  <a class="tool-link" href={href} target="_blank" rel="noopener noreferrer">
    <Icon name="external" size={12} /> {text}
  </a>
);
