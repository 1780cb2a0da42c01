import { type Figure, median } from '../figures.ts';
import type { Load } from '../load.ts';
import { type PgbenchFigures, pgbench } from '../pgbench.ts';
import { progress } from '../progress.ts';
import { accounts, policyText } from '../shop.ts';

const counts = [10, 100, 1000];

/** Texts that come again are decided from memory; new ones are decided by all rules. */
const texts = [
  ['same texts', '\\set id random(1, 3)\nSELECT name FROM app.users WHERE id = :id;\n'],
  ['new texts', `\\set id random(1, ${accounts})\nSELECT name FROM app.accounts WHERE id = :id;\n`],
] as const;

export const rules: Load = {
  name: 'rules',
  title: 'the simple load by 10, 100 and 1,000 rules',
  async run(ways, { rounds, seconds, quick }) {
    const { gateway } = ways;
    const seen = new Map<string, PgbenchFigures[]>();
    for (let round = 1; round <= rounds; round++) {
      for (const count of counts) {
        progress(`  round ${round} of ${rounds}: ${count} rules`);
        await gateway.replacePolicy(policyText({ rules: count }));
        for (const [name, script] of quick ? texts.slice(0, 1) : texts) {
          const key = `${name}, ${count} rules`;
          const args = ['-M', 'simple', '-c', '8'];
          const way = await ways.way('gateway');
          const figures = await pgbench({ way, folder: gateway.folder, script, args, seconds });
          seen.set(key, [...(seen.get(key) ?? []), figures]);
        }
      }
    }
    await gateway.replacePolicy(policyText());
    const figures = (quick ? texts.slice(0, 1) : texts).flatMap(([name]) =>
      counts.flatMap((count): readonly Figure[] => {
        const key = `${name}, ${count} rules`;
        const all = seen.get(key) ?? [];
        return [
          {
            name: key,
            value: median(all.map(({ perSecond }) => perSecond)),
            unit: 'statements/s',
            goal: null,
          },
          {
            name: key,
            value: median(all.flatMap(({ cpuUs }) => cpuUs ?? [])),
            unit: 'µs CPU a statement',
            goal: null,
          },
        ];
      }),
    );
    return { ways: null, figures };
  },
};
