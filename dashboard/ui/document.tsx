import { useEffect, useState } from 'preact/hooks';
import { type Problem, request } from '../api/request.ts';
import type { Payload } from '../api/types.ts';
import { formatBytes } from '../format.ts';
import { may } from '../session.ts';
import { apiUrl } from '../settings.ts';
import { JsonViewer } from './json-viewer.tsx';
import { Loading, ProblemBox } from './states.tsx';

/** Larger documents are loaded when somebody asks for them. */
const AT_ONCE_BYTES = 1_048_576;

/** An input or a result, read as text: JSON.parse would change its numbers. */
export function StoredDocument({ payload, none }: { payload: Payload | null; none: string }) {
  const [wanted, setWanted] = useState(false);
  const [text, setText] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const href = payload?.href;
  const bytes = payload?.bytes ?? 0;
  const load = href !== undefined && (wanted || bytes <= AT_ONCE_BYTES);
  useEffect(() => {
    setText(undefined);
    setProblem(undefined);
    if (!load || href === undefined) return undefined;
    const reading = new AbortController();
    request<string>(href, { asText: true, signal: reading.signal }).then(
      ({ body }) => setText(body),
      (error: Error) => error.name !== 'AbortError' && setProblem(error as Problem),
    );
    return () => reading.abort();
  }, [href, bytes, load]);
  if (payload === null) {
    return <p class="muted">{may('payload:read') ? none : 'Your role does not see inputs and results.'}</p>;
  }
  if (!load) {
    return (
      <p class="chips">
        <span class="soft">{formatBytes(bytes)}</span>
        <button type="button" class="button small" onClick={() => setWanted(true)}>
          Show
        </button>
        <a class="button small" href={apiUrl(payload.href)} download>
          Download
        </a>
      </p>
    );
  }
  if (problem !== undefined) return <ProblemBox problem={problem} />;
  return text === undefined ? <Loading rows={3} /> : <JsonViewer text={text} href={apiUrl(payload.href)} />;
}
