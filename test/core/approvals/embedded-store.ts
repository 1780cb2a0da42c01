import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedApprovals } from '../../../services/core/approvals/store/embedded.ts';
import { maxOpenPerPrincipal, type StoreUnderTest } from './contract.ts';
import { ManualClock } from './manual-clock.ts';
import { type Logged, recordingLog } from './people.ts';

export interface EmbeddedUnderTest extends StoreUnderTest, Logged {
  readonly approvals: EmbeddedApprovals;
  readonly clock: ManualClock;
  readonly journal: string;
  /** Opens the same journal again, as the next process would. */
  reopen(): EmbeddedApprovals;
}

export async function startEmbedded(): Promise<EmbeddedUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-approvals-'));
  const journal = join(folder, 'approvals.journal');
  const clock = new ManualClock();
  const { log, lines } = recordingLog();
  const open: EmbeddedApprovals[] = [];
  const reopen = (): EmbeddedApprovals => {
    const approvals = new EmbeddedApprovals({ journal, maxOpenPerPrincipal, clock, log });
    open.push(approvals);
    return approvals;
  };
  return {
    approvals: reopen(),
    clock,
    journal,
    log,
    lines,
    reopen,
    async advance(ms) {
      clock.advance(ms);
    },
    async stop() {
      for (const approvals of open) await approvals.close();
      await rm(folder, { recursive: true });
    },
  };
}
