import { standardPolicy } from '../gateway.ts';

/** What drivers ask for on their own, beside what the program wants (docs/policies.md). */
export const driversPolicy = `${standardPolicy}\
  - name: drivers
    targets: [shop]
    principals: [{kinds: [agent]}]
    rules:
      - {name: types, effects: [select], tables: [pg_catalog.pg_type], outcome: allow}
      - {name: unlock, effects: [call], functions: [pg_catalog.pg_advisory_unlock_all], outcome: allow}
      - {name: reset, effects: [set], settings: [all], outcome: allow}
`;
