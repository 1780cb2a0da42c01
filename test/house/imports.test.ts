import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import { rules } from './import-rules.ts';

const root = join(import.meta.dirname, '../..');

test('imports go downwards only, as design.md section 4 says', async () => {
  const folders = ['services', 'envoy', 'examples'];
  const options: ICruiseOptions = {
    baseDir: root,
    ruleSet: { forbidden: [...rules] },
    validate: true,
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  };
  // Policies in examples/ import `sallyport/policy`, which package.json exports to the package itself.
  const result = await cruise(folders, options, { exportsFields: ['exports'], conditionNames: ['import'] });
  const output = result.output as ICruiseResult; // the API's own default output type is this object
  const found = output.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  expect(found).toEqual([]);
  expect(output.summary.totalCruised).toBeGreaterThan(20);
});
