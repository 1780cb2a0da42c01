import { mkdir } from 'node:fs/promises';
import { messageOf } from '../model/errors.ts';
import { findChainEnd } from './chain-end.ts';
import { type ChainLock, lockChain } from './chain-lock.ts';
import { AuditError, systemCodeOf } from './errors.ts';
import { loadSigningKey, readEndorsement } from './key-store.ts';
import { checkChainName, listTrail, trailFolder } from './segment-names.ts';
import { SegmentSeries } from './segment-series.ts';
import { AuditTrail, type TrailOptions } from './trail.ts';

/**
 * Opens a process' chain with a new segment, behind whatever a former process left.
 * @throws AuditError `bad-chain-name`, `chain-locked`, `bad-key`, `unavailable`
 */
export async function openTrail(options: TrailOptions): Promise<AuditTrail> {
  const { stateDir, chain } = options;
  checkChainName(chain);
  const dir = trailFolder(stateDir);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const lock = lockChain(dir, chain);
    try {
      return await openLocked(options, dir, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (cause) {
    if (cause instanceof AuditError || systemCodeOf(cause) === '') throw cause;
    throw new AuditError('unavailable', `the trail in ${dir} cannot be begun: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function openLocked(options: TrailOptions, dir: string, lock: ChainLock): Promise<AuditTrail> {
  const { stateDir, chain, settings, log } = options;
  const key = await loadSigningKey(stateDir, settings.signingKey, log);
  const segments = (await listTrail(dir)).chains.get(chain) ?? [];
  const { end, torn, lastSegment } = await findChainEnd(segments);
  if (torn.length > 0) log.warn({ chain, torn }, 'the trail ends within a record: its writer was killed');
  const formerKey = end?.header?.keyId ?? null;
  const endorsement =
    formerKey === null || formerKey === key.id ? null : await readEndorsement(stateDir, key.id, formerKey);
  const series = new SegmentSeries({ dir, chain, key, log, lastSegment, torn });
  return new AuditTrail(options, { lock, key, series, end, endorsement });
}
