/**
 * Evaluated apart, in a process that has no environment, no network, and reads nothing but this folder; what it exports is
 * plain data and is checked like YAML. `sallyport check` says what is wrong, and where.
 */
import { definePolicy, type PostgresWords, type Rule } from 'sallyport/policy';
import { nightShift, officeHours, onCall } from './office-hours.ts';

/** What TypeScript is for: the same rules for each schema, and no copy that is forgotten when one changes. */
const rulesFor = (schema: string): readonly Rule<PostgresWords>[] => [
  { name: `read-${schema}`, effects: ['select'], tables: [`${schema}.*`], outcome: 'allow' },
  {
    name: `change-${schema}`,
    effects: ['insert', 'update', 'delete'],
    tables: [`${schema}.*`],
    times: officeHours,
    outcome: 'hold',
    approval: onCall,
  },
  {
    // Always: within office hours both rules hold, and then the terms of both must be met.
    name: `delete-${schema}`,
    effects: ['delete'],
    tables: [`${schema}.*`],
    outcome: 'hold',
    approval: nightShift,
  },
];

const common = {
  principals: [{ groups: ['agents'] }],
  limits: { rows: 1000, commandsPerMinute: 120, idle: '30m' },
} as const;

export default [
  definePolicy<PostgresWords>({
    ...common,
    name: 'agents-shop',
    targets: ['shop'],
    rules: rulesFor('app'),
    masks: [{ fields: ['app.*.email'], detect: ['email'], with: 'email' }],
  }),
  definePolicy<PostgresWords>({
    ...common,
    name: 'agents-billing',
    targets: ['billing'],
    rules: rulesFor('ledger'),
    // The same account gives the same pseudonym, so joins and counts still work.
    masks: [{ fields: ['ledger.*.iban'], with: 'hash', inConditions: 'allow' }],
  }),
];
