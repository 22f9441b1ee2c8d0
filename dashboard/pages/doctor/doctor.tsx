import { useState } from 'preact/hooks';
import { Connections } from './connections.tsx';
import { type Problem, request } from '../../api/request.ts';
import type { DoctorReport } from '../../api/types.ts';
import { plural } from '../../format.ts';
import { may } from '../../session.ts';
import { CopyAs } from '../../ui/as-command.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Loading, ProblemBox } from '../../ui/states.tsx';
import { At } from '../../ui/time.tsx';

/** Examines the data when somebody asks for it: it reads whole tables. */
export default function Doctor() {
  const [report, setReport] = useState<DoctorReport>();
  const [problem, setProblem] = useState<Problem>();
  const [running, setRunning] = useState(false);
  const run = async (): Promise<void> => {
    setRunning(true);
    setProblem(undefined);
    try {
      setReport((await request<DoctorReport>('/v1/health/doctor')).body);
    } catch (error) {
      setProblem(error as Problem);
    }
    setRunning(false);
  };
  return (
    <>
      <PageHead
        title="Doctor"
        text="Checks what must hold for the stored data. It reads whole tables, from the replica for reports if there is one."
      >
        {may('admin') ? (
          <button type="button" class="button primary" disabled={running} onClick={() => void run()}>
            {report === undefined ? 'Examine' : 'Examine again'}
          </button>
        ) : null}
        <CopyAs command="tasker doctor" path="/v1/health/doctor" />
      </PageHead>
      {problem === undefined ? null : <ProblemBox problem={problem} reload={() => void run()} />}
      {running ? (
        <div class="card">
          <Loading rows={5} label="Examining" />
        </div>
      ) : report === undefined ? (
        problem === undefined ? (
          <div class="card">
            <Empty icon="doctor" title="Nothing was examined yet">
              Examine the data after a restore, an upgrade or a change by hand. It takes seconds for each million tasks.
            </Empty>
          </div>
        ) : null
      ) : (
        <Report report={report} />
      )}
      <Connections />
    </>
  );
}

function Report({ report: { checks, findings, as_of: at } }: { report: DoctorReport }) {
  return (
    <>
      <p class="soft summary">
        {plural(checks, 'invariant')} checked, <At at={at} zone />
        {findings.length === 0 ? '' : ` · ${plural(findings.length, 'invariant')} violated`}
      </p>
      {findings.length === 0 ? (
        <div class="card">
          <Empty title={`All ${checks} invariants hold`}>Rows, histories and counters agree with each other.</Empty>
        </div>
      ) : (
        <ul class="groups">
          {findings.map(({ id, title, why, violations, examples }) => (
            <li key={id} class="card group bad">
              <div class="group-main">
                <div class="group-text">
                  <h2>{title.charAt(0).toUpperCase() + title.slice(1)}</h2>
                  <p class="soft">{why}</p>
                  <p class="small">
                    <code>{id}</code> · <code>tasker doctor --mend</code> prints how to mend it.
                  </p>
                  <Examples of={examples} />
                </div>
                <dl class="group-numbers">
                  <div>
                    <dt>violations</dt>
                    <dd class="alarm">{violations}</dd>
                  </div>
                </dl>
              </div>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Keys of rows; a task has a page. */
function Examples({ of: examples }: { of: readonly Readonly<Record<string, unknown>>[] }) {
  return (
    <ul class="small soft" aria-label="Examples">
      {examples.map((example) => (
        <li key={JSON.stringify(example)} class="break">
          {Object.entries(example).map(([name, value], index) => (
            <>
              {index === 0 ? '' : ' · '}
              {name}{' '}
              {name === 'task_id' && value !== null ? (
                <a href={`tasks/${encodeURIComponent(String(value))}`}>{String(value)}</a>
              ) : (
                <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
              )}
            </>
          ))}
        </li>
      ))}
    </ul>
  );
}
