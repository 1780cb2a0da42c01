import type { Approval, Rule } from 'sallyport/policy';

/** Approvers are awake then. The hours are local, so summer time needs no care. */
const officeHours: NonNullable<Rule['times']> = {
  zone: 'Europe/Berlin',
  weekdays: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '08:00',
  to: '18:00',
};

const onCall: Approval = { approvers: [{ groups: ['oncall'] }], within: '30m' };

/** Two people, and nobody is kept waiting: at night it takes them a while. */
const nightShift: Approval = {
  approvers: [{ groups: ['oncall'] }, { groups: ['managers'] }],
  quorum: 2,
  within: '8h',
  mode: 'defer',
};

export { nightShift, officeHours, onCall };
