/** At the end of a soak: does what is in the database fit what clients were told, and what the trail says? */
import { join } from 'node:path';
import { readTrail } from '../../../services/core/audit/read.ts';
import { trailFolder } from '../../../services/core/audit/segment-names.ts';
import type { TestGateway } from '../../e2e/gateway.ts';
import { type Ledger, tokenPattern } from './ledger.ts';

/** What the trail says of tokens. */
interface Told {
  readonly records: number;
  readonly allowed: ReadonlySet<string>;
  /** Held, approved by somebody, and released. */
  readonly released: ReadonlySet<string>;
}

async function readTold(stateDir: string): Promise<Told> {
  const allowed = new Set<string>();
  const heldTokens = new Map<string, string>();
  const approved = new Set<string>();
  const ended: { readonly hold: string; readonly token: string }[] = [];
  let records = 0;
  for await (const record of readTrail(trailFolder(stateDir))) {
    records += 1;
    if (record.kind === 'action') {
      const [token] = tokenPattern.exec(`${record.text} ${record.parameters.join(' ')}`) ?? [];
      if (token === undefined) continue;
      if (record.decision === 'allow') allowed.add(token);
      if (record.decision === 'hold') heldTokens.set(record.action, token);
    } else if (record.kind === 'hold-vote') {
      if (record.verdict === 'approve' && record.refused === null) approved.add(record.hold);
    } else if (record.kind === 'hold-ended') {
      const token = heldTokens.get(record.action);
      if (token !== undefined && record.outcome === 'released') ended.push({ hold: record.hold, token });
    }
  }
  // One worker's chain is read after the other: a vote may stand in one that comes later.
  const released = new Set(ended.filter(({ hold }) => approved.has(hold)).map(({ token }) => token));
  return { records, allowed, released };
}

async function storedIn(gateway: TestGateway, table: string): Promise<ReadonlyMap<string, number>> {
  const direct = await gateway.direct();
  const { rows } = await direct.query(`SELECT token, count(*)::int AS times FROM ${table} GROUP BY token`);
  await direct.end();
  return new Map(rows.map(({ token, times }) => [token, times]));
}

export interface Verdict {
  readonly findings: readonly string[];
  readonly faults: readonly string[];
}

/** The gateway still runs, and nobody is connected. */
export async function verdictOn(gateway: TestGateway, ledger: Ledger): Promise<Verdict> {
  const told = await readTold(join(gateway.folder, 'state'));
  const [plain, guarded, forbidden] = [
    await storedIn(gateway, 'app.ledger'),
    await storedIn(gateway, 'app.guarded'),
    await storedIn(gateway, 'app.forbidden'),
  ];
  const stored = new Map([...plain, ...guarded, ...forbidden]);
  const faults: string[] = [];
  const none = (tokens: readonly string[], what: string): void => {
    if (tokens.length > 0) faults.push(`${tokens.length} ${what}: ${tokens.slice(0, 5).join(', ')}`);
  };
  none([...forbidden.keys()], 'refused rows are in the database');
  none(
    [...plain.keys()].filter((token) => !told.allowed.has(token)),
    'rows are there that the trail did not allow',
  );
  none(
    [...guarded.keys()].filter((token) => !told.released.has(token)),
    'guarded rows are there that the trail did not see approved and released',
  );
  none(
    [...ledger.acknowledged].filter((token) => !stored.has(token)),
    'statements that were said to have run are not there',
  );
  none(
    [...ledger.refused].filter((token) => stored.has(token)),
    'statements that were said not to run are there',
  );
  none(
    [...plain, ...guarded].filter(([token, rows]) => rows !== ledger.rowsOf(token)).map(([token]) => token),
    'statements are there in part, or more than once',
  );
  none(
    [...new Set(ledger.unexpected)],
    `kinds of errors (${ledger.unexpected.length} in all) that clients saw while nothing was killed`,
  );
  const { status, stdout } = await gateway.cli(['trail', 'verify']);
  if (status !== 0 && status !== 3) faults.push(`the trail does not verify:\n${stdout}`);
  const sessions = await gateway.sessions();
  if (sessions.length > 0) faults.push(`${sessions.length} sessions are left`);
  return {
    findings: [
      `${ledger.acknowledged.size} statements were said to have run, ${ledger.refused.size} not to; ${stored.size} are in the database.`,
      `the trail has ${told.records} records; "trail verify" ends with ${status}: ${stdout.trim().split('\n').at(-1) ?? ''}`,
    ],
    faults,
  };
}
