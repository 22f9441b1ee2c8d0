import { Ago } from './time.tsx';

/** Who paused a queue or a workflow, why, and until when. */
export function PausedNotice({ by, reason, until }: { by: string; reason: string | null; until: string | null }) {
  return (
    <p class="notice">
      Paused by <b>{by}</b>
      {reason === null ? '' : `: ${reason}`}.{' '}
      {until === null ? (
        'Somebody has to resume it.'
      ) : (
        <>
          It ends by itself <Ago at={until} future />.
        </>
      )}
    </p>
  );
}
