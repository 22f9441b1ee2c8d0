import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icons.tsx';

/** A button with a list below it, which closes with Escape, and when somebody goes on elsewhere. `close` as an argument of what is in it. */
export function Menu({
  title,
  icon,
  children,
}: {
  title: string;
  icon: IconName;
  children: ComponentChildren | ((close: () => void) => ComponentChildren);
}) {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = (): void => {
    if (menu.current !== null) menu.current.open = false;
  };
  useEffect(() => {
    const elsewhere = ({ target }: Event): void => {
      if (menu.current?.contains(target as Node) === false) close();
    };
    // The focus goes elsewhere with Tab, a pointer also to what has none.
    for (const kind of ['pointerdown', 'focusin']) document.addEventListener(kind, elsewhere);
    return () => {
      for (const kind of ['pointerdown', 'focusin']) document.removeEventListener(kind, elsewhere);
    };
  }, []);
  return (
    <details
      class="menu"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || menu.current?.open !== true) return;
        close();
        menu.current.querySelector('summary')?.focus();
      }}
    >
      <summary class="button">
        <Icon name={icon} size={14} /> {title} <Icon name="down" size={12} />
      </summary>
      <div class="menu-list" role="group" aria-label={title}>
        {typeof children === 'function' ? children(close) : children}
      </div>
    </details>
  );
}
