import { createHash } from 'node:crypto';

/** A command of ours that Redis carries out as one. */
export interface Script {
  readonly lua: string;
  /** What Redis finds it by once it has seen it. */
  readonly sha1: string;
}

export const script = (lua: string): Script => ({ lua, sha1: createHash('sha1').update(lua).digest('hex') });
