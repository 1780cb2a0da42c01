import { atLeast, ratio, type WayName, wayNames } from '../figures.ts';
import { type Load, medians } from '../load.ts';
import { type PgbenchFigures, pgbench } from '../pgbench.ts';
import { forgetPeak, peakMib, residentMib } from '../process-figures.ts';
import { progress } from '../progress.ts';
import { bigRows, policyText } from '../shop.ts';
import type { Ways } from '../ways.ts';

const script = 'SELECT id, name, email, note, at FROM app.big;\n';

/** What the server sends: each row's header and count, and a length before each value. */
async function megabytes(ways: Ways): Promise<number> {
  const admin = await ways.gateway.direct();
  const { rows } = await admin.query(
    'SELECT sum(7 + 5 * 4 + octet_length(id::text || name || email || note || at::text))::float8 AS bytes FROM app.big',
  );
  await admin.end();
  return Number(rows[0].bytes) / 1e6;
}

const wholeTable = (name: string, title: string, detect: boolean): Load => ({
  name,
  title,
  detail: detect,
  async run(ways, { rounds, seconds }) {
    const mb = await megabytes(ways);
    const { gateway } = ways;
    const { folder } = gateway;
    await gateway.replacePolicy(policyText({ detect }));
    const pid = await gateway.processId();
    const idleMib = await residentMib(pid);
    const peaksMib: number[] = [];
    const seen = new Map<WayName, PgbenchFigures[]>(wayNames.map((each) => [each, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const each of wayNames) {
        progress(`  round ${round} of ${rounds}: ${each}`);
        await forgetPeak(pid);
        const figures = await pgbench({
          way: await ways.way(each),
          folder,
          script,
          args: ['-c', '1'],
          seconds,
        });
        seen.get(each)?.push(figures);
        if (each === 'gateway') peaksMib.push(await peakMib(pid));
      }
    }
    await gateway.replacePolicy(policyText());
    const result = medians(seen, 'MB/s', ({ perSecond }) => perSecond * mb);
    const value = result.ways.gateway?.value ?? Number.NaN;
    const overEnvoy = ratio(result, 'gateway', 'envoy');
    const memory = {
      name: `peak over idle memory, of ${mb.toFixed(0)} MB a SELECT`,
      unit: 'MiB',
      goal: null,
    };
    return {
      ways: result,
      figures: [
        ...(detect ? [] : [{ name: 'rate', value, unit: 'MB/s', goal: atLeast(60) }]),
        ...(detect
          ? []
          : [{ name: 'gateway / Envoy alone', value: overEnvoy, unit: '', goal: atLeast(0.35) }]),
        { ...memory, value: Math.max(...peaksMib) - idleMib },
      ],
    };
  },
});

const all = `SELECT of ${bigRows.toLocaleString('en')} rows`;
export const rows = wholeTable('rows', `${all}, one masked column of five`, false);
/** What the masks of the other loads cost here: every text value is read. */
export const rowsDetect = wholeTable('rows-detect', `${all}, all values searched for card numbers`, true);
