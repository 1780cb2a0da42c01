import type pg from 'pg';
import type { CatalogReader } from '../../../../services/protocols/postgres/sql/catalog-cache.ts';

/** Values as the server sent them. */
const asSent = { getTypeParser: () => (value: string | null) => value };

/** Reads the catalog over node-postgres, as the session engine does over its own client. */
export const catalogReader = (client: pg.Client): CatalogReader => ({
  async query(sql) {
    const { rows } = await client.query<(string | null)[]>({ text: sql, rowMode: 'array', types: asSent });
    return rows;
  },
});
