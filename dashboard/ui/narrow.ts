/** A window in which rows are cards, as the style sheets have it. */
export const narrow = matchMedia('(max-width: 640px)');
