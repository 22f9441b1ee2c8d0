import pg from 'pg';
import type { OpenLibrary } from './library.ts';

export const openPg: OpenLibrary = async (url) => {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  return {
    handle: pool,
    async inTransaction(work) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const insertOrder = (id: string) => client.query('INSERT INTO orders VALUES ($1)', [id]);
        const result = await work({ transaction: client, bare: client, insertOrder });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      } finally {
        client.release();
      }
    },
    async outside() {
      const client = await pool.connect();
      return { given: client, end: () => client.release() };
    },
    close: () => pool.end(),
  };
};
