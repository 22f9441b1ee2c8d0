import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icons.tsx';

/** What a form in a dialog ends with: leave everything as it is, or do what `children` says. */
export function DialogFoot({
  close,
  disabled,
  danger = false,
  children,
}: {
  close: () => void;
  disabled: boolean;
  danger?: boolean;
  children: ComponentChildren;
}) {
  return (
    <footer class="dialog-foot">
      <button type="button" class="button" onClick={close}>
        Do nothing
      </button>
      <button type="submit" class={`button primary${danger ? ' danger' : ''}`} disabled={disabled}>
        {children}
      </button>
    </footer>
  );
}

/** The browser's own dialog: it keeps the focus inside, closes with Escape, and gives the focus back. */
export function Dialog({
  title,
  close,
  children,
  kind = 'dialog',
}: {
  title: string;
  close: () => void;
  children: ComponentChildren;
  kind?: 'dialog' | 'wide' | 'palette';
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    // By itself the browser would take the button that closes it. On a phone a keyboard would come up over what there is to read.
    if (!matchMedia('(pointer: coarse)').matches)
      dialog?.querySelector<HTMLElement>('input:not([type=checkbox], [type=radio]), select, textarea')?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class={`dialog ${kind}`}
      aria-labelledby={id}
      onClose={close}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === ref.current) close();
      }}
    >
      <div class="dialog-body">
        <header class={kind === 'palette' ? 'off-screen' : 'dialog-head'}>
          <h2 id={id}>{title}</h2>
          <button type="button" class="icon-button" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
