/**
 * Planner settings of a worker's own sessions. Every statement of the hot path has one good plan: an index scan for each of
 * the few hundred rows that it names. But a prepared statement's plan is made from the statistics of its first calls, and
 * those of an empty or just loaded database make reading whole tables look cheap; the plan is then kept until the next
 * ANALYZE, at a cost that grows with the table (measured: a tenth of the throughput for a minute). So the choice is taken
 * away. Doctors, reports and lists keep PostgreSQL's own choice: they read much.
 */
const HOT_PATH = {
  enable_seqscan: 'off',
  // A bitmap has no order: a claim would read and sort every ready step to take the first hundred.
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  // With the plan given there is nothing to learn from planning the first calls anew.
  plan_cache_mode: 'force_generic_plan',
  // Compiling costs more than any of these statements takes.
  jit: 'off',
} as const;

/**
 * The server's patience with a peer that vanished. A session in the middle of a call keeps its locks until TCP gives the peer up,
 * after more than two hours where nobody says otherwise; with these after two minutes.
 */
const KEEPALIVE = { tcp_keepalives_idle: '60', tcp_keepalives_interval: '10', tcp_keepalives_count: '6' } as const;

/** As the `options` of a connection. A transaction pooler does not take them, and prepares nothing either: it plans each call. */
export const hotPathOptions = Object.entries({ ...HOT_PATH, ...KEEPALIVE })
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');
