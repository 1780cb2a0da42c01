import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Script, script as scriptOf } from '../../redis/script.ts';
import { endedKeptMs, maxEndedHolds, outcomeKeptMs } from '../limits.ts';

const source = (name: string): string => readFileSync(join(import.meta.dirname, `${name}.lua`), 'utf8');

const limits = `
local ended_kept_ms = ${endedKeptMs}
local max_ended = ${maxEndedHolds}
local outcome_kept_ms = ${outcomeKeptMs}
`;

const prelude = limits + source('prelude');

/** What each takes and gives is said at the head of its .lua file. */
const script = (name: string): Script => scriptOf(`${prelude}\n${source(name)}`);

export const scripts = {
  open: script('open'),
  vote: script('vote'),
  claim: script('claim'),
  defer: script('defer'),
  withdraw: script('withdraw'),
  takeGrant: script('take-grant'),
  show: script('show'),
  list: script('list'),
  heartbeat: script('heartbeat'),
} as const;
