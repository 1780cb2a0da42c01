import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { envoyEnvironment } from './environment.ts';
import { EnvoyError } from './errors.ts';
import { replaceFile } from './files.ts';
import { validateMs } from './limits.ts';
import { readApplicationLine } from './log-lines.ts';

/**
 * Lets Envoy itself check a config that stands alone (`--mode validate`: everything is built, nothing is bound), since it
 * does not look into watched files when it checks.
 *
 * @param dir where the config is laid for a moment
 * @returns what Envoy warns of, such as deprecated fields; nothing, for what we render
 * @throws EnvoyError `config-refused`, with Envoy's reasons
 */
export async function validateConfig(
  binary: string,
  standalone: string,
  dir: string,
): Promise<readonly string[]> {
  const candidate = join(dir, `envoy-candidate-${randomUUID()}.json`);
  await replaceFile(candidate, standalone);
  try {
    return await validate(binary, candidate);
  } finally {
    await rm(candidate, { force: true });
  }
}

const validate = (binary: string, path: string): Promise<readonly string[]> =>
  new Promise((resolve, reject) => {
    const mode = ['--mode', 'validate', '-c', path, '--disable-hot-restart', '--log-level', 'warning'];
    execFile(binary, mode, { timeout: validateMs, env: envoyEnvironment() }, (error, _stdout, stderr) => {
      const said = stderr
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => readApplicationLine(line).message);
      if (error === null) resolve(said);
      else {
        const reasons = said.join('\n') || error.message;
        reject(
          new EnvoyError(
            'config-refused',
            `Envoy refuses the config that was rendered for it. This is a bug of the gateway, or an Envoy of another version. It says:\n${reasons}`,
            { cause: error },
          ),
        );
      }
    });
  });
