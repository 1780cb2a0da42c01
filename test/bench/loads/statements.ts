import { atLeast, ratio, wayNames } from '../figures.ts';
import { type Load, medians, overWays } from '../load.ts';
import { accounts } from '../shop.ts';

/** Eight clients that read one row by its key, as `pgbench -S` does. */
const reading = (
  name: string,
  title: string,
  mode: 'simple' | 'prepared',
  script: string,
  goal: boolean,
): Load => ({
  name,
  title,
  detail: !goal,
  async run(ways, extent) {
    const seen = await overWays(ways, extent, wayNames, { script, args: ['-M', mode, '-c', '8'] });
    const result = medians(seen, 'statements/s', ({ perSecond }) => perSecond);
    const figures = {
      name: 'gateway / relay',
      value: ratio(result, 'gateway', 'relay'),
      unit: '',
      goal: atLeast(0.9),
    };
    return { ways: result, figures: goal ? [figures] : [] };
  },
});

const user = '\\set id random(1, 3)\nSELECT name FROM app.users WHERE id = :id;\n';
const account = `\\set id random(1, ${accounts})\nSELECT name FROM app.accounts WHERE id = :id;\n`;

export const simple = reading('simple', '8 clients, simple protocol', 'simple', user, true);
export const prepared = reading('prepared', '8 clients, prepared', 'prepared', user, true);
/** Each text is another one, so that each is parsed, analysed and decided. The goal is for texts that come again. */
export const distinct = reading('distinct', '8 clients, simple, each text new', 'simple', account, false);
