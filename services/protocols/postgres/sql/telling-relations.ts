/**
 * Relations of the system that hold values of other tables, or statements with values in them. A client that names them needs a rule for
 * pg_catalog; a function that reads them may give anything.
 */
const telling = new Set(
  `pg_statistic pg_stats pg_statistic_ext_data pg_stats_ext pg_stats_ext_exprs pg_largeobject pg_stat_activity
  pg_prepared_statements pg_cursors`
    .split(/\s+/)
    .map((name) => `pg_catalog.${name}`),
);

/** @param relation as effects name it */
export const isTelling = (relation: string): boolean => telling.has(relation);
