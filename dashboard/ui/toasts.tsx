import { signal } from '@preact/signals';
import { Icon } from './icons.tsx';

type Kind = 'good' | 'bad' | 'plain';
const toasts = signal<readonly { id: number; text: string; kind: Kind }[]>([]);
let last = 0;

/** A line that goes by itself; one about what did not work stays longer. */
export function toast(text: string, kind: Kind = 'plain'): void {
  const id = (last += 1);
  toasts.value = [...toasts.peek().slice(-3), { id, text, kind }];
  setTimeout(() => dismiss(id), kind === 'bad' ? 12_000 : 5000);
}

const dismiss = (id: number): void => {
  toasts.value = toasts.peek().filter((each) => each.id !== id);
};

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, kind }) => (
        <div key={id} class={`toast ${kind}`}>
          <span>{text}</span>
          <button type="button" class="icon-button small" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
