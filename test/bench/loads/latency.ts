import { atMost, median, wayNames } from '../figures.ts';
import { type Load, medians, overWays } from '../load.ts';

const script = '\\set id random(1, 3)\nSELECT name FROM app.users WHERE id = :id;\n';

/** One client that waits for each answer. At the median: the mean is that of whatever else the machine does. */
const alone = (name: string, title: string, mode: 'simple' | 'prepared'): Load => ({
  name,
  title,
  detail: mode === 'prepared',
  async run(ways, extent) {
    const seen = await overWays(ways, extent, wayNames, {
      script,
      args: ['-M', mode, '-c', '1'],
      latencies: true,
    });
    const result = medians(seen, 'µs at the median', ({ latenciesUs }) => median(latenciesUs));
    const { gateway, relay } = result.ways;
    const value = (gateway?.value ?? Number.NaN) - (relay?.value ?? Number.NaN);
    return { ways: result, figures: [{ name: 'added over the relay', value, unit: 'µs', goal: atMost(30) }] };
  },
});

export const single = alone('single', '1 client, simple protocol', 'simple');
export const singlePrepared = alone('single-prepared', '1 client, prepared', 'prepared');
