/** A few choices side by side, of which one is taken. */
export function Choices<Value extends string>({
  label,
  choices,
  chosen,
  choose,
}: {
  label: string;
  choices: readonly (readonly [Value, string])[];
  chosen: Value;
  choose: (value: Value) => void;
}) {
  return (
    <fieldset class="choices">
      <legend>{label}</legend>
      {choices.map(([value, text]) => (
        <label key={value}>
          <input type="radio" name={label} value={value} checked={value === chosen} onChange={() => choose(value)} />{' '}
          {text}
        </label>
      ))}
    </fieldset>
  );
}
