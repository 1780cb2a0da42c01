/** `npm test`: installs the servers that the tests run against, then runs every test. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDebian, onPath, pip, postgresql, psql } from './servers/debian.ts';

installDebian(
  [
    postgresql,
    psql,
    pip,
    { package: 'redis-server', present: () => onPath('redis-server') },
    { package: 'busybox', present: () => onPath('busybox') },
    { package: 'openssl', present: () => onPath('openssl') },
  ],
  'The tests run against',
);

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
const resultFile = join(folder, 'result.json');
const jest = spawnSync(
  process.execPath,
  [
    // Jest runs native ES modules through Node's vm modules; the warning would be said in every worker.
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...['--config', join(root, 'test/jest.config.js'), '--json', '--outputFile', resultFile],
    ...process.argv.slice(2),
  ],
  { stdio: ['inherit', 'ignore', 'inherit'], cwd: root },
);

/** The fields of Jest's --json output that are read here. */
interface Result {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

if (!existsSync(resultFile)) {
  console.log('0 passed, 1 failed');
  process.exit(jest.status ?? 1);
}
// Jest's own file: its shape is documented, and a wrong one shows as NaN in the last line.
const result = JSON.parse(readFileSync(resultFile, 'utf8')) as Result;
rmSync(folder, { recursive: true });
const skipped = result.numPendingTests + result.numTodoTests;
if (skipped > 0) console.error(`${skipped} tests were skipped; a skipped test counts as failed`);
const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + skipped;
console.log(`${result.numPassedTests} passed, ${failed} failed`);
process.exit(failed === 0 && jest.status === 0 ? 0 : 1);
