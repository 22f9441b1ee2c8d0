import { useMemo, useState } from 'preact/hooks';
import { newKey, type Problem, request } from '../../api/request.ts';
import { navigate } from '../../router.ts';
import { ProblemBox } from '../../ui/states.tsx';
import { toast } from '../../ui/toasts.tsx';
import { type Field, fieldsOf, inputText } from './form-schema.ts';

interface Submitted {
  readonly task_id: string;
  readonly outcome: string;
}

/** Submits a task: a field for each member of the input, by its schema, or the whole input as JSON. */
export function SubmitForm({
  namespace,
  workflow,
  version,
  served,
  schema,
  needsKey,
}: {
  namespace: string;
  workflow: string;
  version: string;
  served: boolean;
  schema: unknown;
  /** Whoever submits gives a key: two tasks of the workflow have different ones. */
  needsKey: boolean;
}) {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const [asJson, setAsJson] = useState(fields === undefined);
  const [json, setJson] = useState('{}');
  const [values, setValues] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries((fields ?? []).map(({ name, initial }) => [name, initial])),
  );
  const [identity, setIdentity] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [broken, setBroken] = useState('');
  const [busy, setBusy] = useState(false);
  const key = useMemo(newKey, [json, values, identity, asJson]);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setProblem(undefined);
    setBroken('');
    let input: string;
    try {
      input = asJson ? json : inputText(fields ?? [], values);
      JSON.parse(input);
    } catch (error) {
      setBroken(`This is no JSON: ${(error as Error).message}`);
      return;
    }
    setBusy(true);
    try {
      const rest = { namespace, workflow, version, ...(identity.trim() === '' ? {} : { key: identity.trim() }) };
      // The input as it is written: reading it would change numbers that JavaScript cannot hold.
      const body = `${JSON.stringify(rest).slice(0, -1)},"input":${input}}`;
      const { body: done } = await request<Submitted>('/v1/tasks', { method: 'POST', json: body, key });
      if (done !== undefined) {
        toast(
          done.outcome === 'duplicate' ? 'There was such a task already' : `Task ${done.task_id} is submitted`,
          'good',
        );
        navigate(`tasks/${done.task_id}`);
      }
    } catch (error) {
      setProblem(error as Problem);
    }
    setBusy(false);
  };
  const change = (name: string, value: string): void => setValues({ ...values, [name]: value });
  const problemOf = (name: string): string | undefined =>
    problem?.errors.find(({ pointer }) => pointer === `/input/${name}` || pointer.startsWith(`/input/${name}/`))
      ?.detail;
  return (
    <section class="card" aria-labelledby="submit">
      <header class="card-head">
        <h2 id="submit">Submit a task</h2>
        {fields === undefined ? null : (
          <button
            type="button"
            class="link-button small"
            onClick={() => {
              if (!asJson) setJson(written(fields, values));
              setAsJson(!asJson);
            }}
          >
            {asJson ? 'As a form' : 'As JSON'}
          </button>
        )}
      </header>
      <form class="card-body act-form" onSubmit={(event) => void submit(event)}>
        {served ? null : <p class="alarm small">No live worker serves {version}: the task would wait for one.</p>}
        {asJson ? (
          <div class="field">
            <label for="input-json">Input</label>
            <textarea
              id="input-json"
              rows={10}
              spellcheck={false}
              value={json}
              onInput={(event) => setJson(event.currentTarget.value)}
            />
            {fields === undefined ? (
              <span class="muted small">
                No form: {schema === null ? 'no schema of its input is stored' : 'its input is no object'}.
              </span>
            ) : null}
          </div>
        ) : (
          (fields ?? []).map((field) => (
            <FormField
              key={field.name}
              field={field}
              value={values[field.name] ?? ''}
              problem={problemOf(field.name)}
              change={(value) => change(field.name, value)}
            />
          ))
        )}
        <div class="field">
          <label for="identity">Key {needsKey ? <span class="muted small">required</span> : null}</label>
          <input
            id="identity"
            value={identity}
            maxLength={1000}
            required={needsKey}
            placeholder={needsKey ? 'the same key is the same task' : 'optional: the same key is the same task'}
            onInput={(event) => setIdentity(event.currentTarget.value)}
          />
        </div>
        {broken === '' ? null : (
          <p class="field-problem" role="alert">
            {broken}
          </p>
        )}
        {problem === undefined ? null : <ProblemBox problem={problem} />}
        <footer class="dialog-foot">
          <button type="submit" class="button primary" disabled={busy}>
            Submit to {version}
          </button>
        </footer>
      </form>
    </section>
  );
}

function written(fields: readonly Field[], values: Readonly<Record<string, string>>): string {
  try {
    return JSON.stringify(JSON.parse(inputText(fields, values)), null, 2);
  } catch {
    return '{}';
  }
}

function FormField({
  field: { name, kind, required, description, choices },
  value,
  problem,
  change,
}: {
  field: Field;
  value: string;
  problem: string | undefined;
  change: (value: string) => void;
}) {
  const id = `input-${name}`;
  const common = {
    id,
    value,
    required,
    'aria-invalid': problem !== undefined,
    'aria-describedby': `${id}-hint`,
  };
  const typed = (event: { currentTarget: { value: string } }): void => change(event.currentTarget.value);
  return (
    <div class="field">
      <label for={id}>
        {name} {required ? <span class="muted small">required</span> : null}
      </label>
      {kind === 'choice' || kind === 'boolean' ? (
        <select {...common} onChange={typed}>
          <option value="">–</option>
          {(kind === 'boolean' ? ['true', 'false'] : choices).map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : kind === 'json' ? (
        <textarea {...common} rows={4} spellcheck={false} placeholder="JSON" onInput={typed} />
      ) : (
        <input {...common} type="text" inputMode={kind === 'text' ? 'text' : 'decimal'} onInput={typed} />
      )}
      <span id={`${id}-hint`} class={problem === undefined ? 'muted small' : 'field-problem'}>
        {problem ?? description ?? (kind === 'integer' ? 'a whole number' : kind === 'number' ? 'a number' : '')}
      </span>
    </div>
  );
}
