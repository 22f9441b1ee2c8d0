import { seesFleet } from '../session.ts';

/** Which process ran something, as it stands behind a time: a link for whoever sees processes. */
export function WorkerName({ id }: { id: string | null }) {
  if (id === null) return null;
  return <> · worker {seesFleet() ? <a href={`workers/${id}`}>{id}</a> : id}</>;
}
