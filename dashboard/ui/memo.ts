import { Component, type ComponentChild } from 'preact';

/**
 * A component that is rendered again only when one of its properties is another one: a row among hundreds. It must not read a signal itself; what
 * it contains may.
 */
export function memo<Props extends object>(renderIt: (props: Props) => ComponentChild) {
  return class Kept extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const names = Object.keys(next) as (keyof Props)[];
      return names.some((name) => next[name] !== this.props[name as keyof typeof this.props]);
    }

    override render(): ComponentChild {
      return renderIt(this.props as Props);
    }
  };
}
