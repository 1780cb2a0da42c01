import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endedKeptMs, maxEndedHolds, outcomeKeptMs } from '../limits.ts';

/** A command of ours that Redis carries out as one. What it takes and gives is said at the head of its .lua file. */
export interface Script {
  readonly lua: string;
  /** What Redis finds it by once it has seen it. */
  readonly sha1: string;
}

const source = (name: string): string => readFileSync(join(import.meta.dirname, `${name}.lua`), 'utf8');

const limits = `
local ended_kept_ms = ${endedKeptMs}
local max_ended = ${maxEndedHolds}
local outcome_kept_ms = ${outcomeKeptMs}
`;

const prelude = limits + source('prelude');

function script(name: string): Script {
  const lua = `${prelude}\n${source(name)}`;
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') };
}

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
