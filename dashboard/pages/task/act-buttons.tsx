import { useState } from 'preact/hooks';
import { may } from '../../session.ts';
import { type Act, ActDialog } from '../../ui/act-dialog.tsx';
import { Icon } from '../../ui/icons.tsx';
import { toast } from '../../ui/toasts.tsx';
import type { ActEntry } from './acts.ts';

/** The first is what is wanted most. Whoever may do nothing sees no buttons. */
export function ActButtons({ acts, small = false }: { acts: readonly ActEntry[]; small?: boolean }) {
  const [act, setAct] = useState<Act>();
  if (!may('tasks:operate')) return null;
  return (
    <>
      {acts.map(({ label, icon, danger, make }, index) => (
        <button
          key={label}
          type="button"
          class={`button${small ? ' small' : ''}${index === 0 && danger !== true && label === 'Retry' ? ' primary' : ''}${danger === true ? ' danger' : ''}`}
          onClick={() => void make().then(setAct, (error: Error) => toast(error.message, 'bad'))}
        >
          <Icon name={icon} size={14} /> {label}
        </button>
      ))}
      {act === undefined ? null : <ActDialog act={act} close={() => setAct(undefined)} />}
    </>
  );
}
