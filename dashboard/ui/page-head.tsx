import type { ComponentChildren } from 'preact';

/** The title of a page, a line about it, and what can be done on it. */
export function PageHead({
  title,
  text,
  children,
}: {
  title: ComponentChildren;
  text?: ComponentChildren;
  children?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      <div class="page-title">
        <h1>{title}</h1>
        {text === undefined ? null : <p class="soft small">{text}</p>}
      </div>
      {children === undefined ? null : <div class="actions">{children}</div>}
    </header>
  );
}
