import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EnvoyBinary, findEnvoy } from '../../../envoy/binary.ts';
import { EnvoyError } from '../../../envoy/errors.ts';
import type { Served } from '../../../envoy/listener-kind.ts';
import { keyInline, renderStandalone } from '../../../envoy/render.ts';
import { validateConfig } from '../../../envoy/validate.ts';
import type { YamlDocument } from '../../core/config/yaml-document.ts';
import type { Problem } from '../../core/model/problem.ts';
import { runFolder } from '../run-folder.ts';

export interface EnvoyCheck {
  readonly problems: readonly Problem[];
  /** The Envoy that looked at the config; null when there is none on this machine yet. */
  readonly validatedBy: EnvoyBinary | null;
}

/** Renders Envoy's config, and has Envoy look at it if it is there. */
export async function checkEnvoy(served: Served, document: YamlDocument): Promise<EnvoyCheck> {
  const problem = (severity: Problem['severity'], message: string): Problem => ({
    severity,
    file: document.file,
    ...document.locateKey(['gateway', 'listeners']),
    message,
  });
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-check-'));
  try {
    const config = renderStandalone(served, runFolder(served.gateway.stateDir), keyInline);
    const binary = await envoyIfThere();
    const warnings = binary === null ? [] : await validateConfig(binary.path, config, folder);
    return {
      problems: warnings.map((text) => problem('warning', `Envoy says: ${text}`)),
      validatedBy: binary,
    };
  } catch (error) {
    if (!(error instanceof EnvoyError)) throw error;
    return { problems: [problem('error', error.message)], validatedBy: null };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A check fetches nothing: pip is told that it has no index, and gives up at once. */
async function envoyIfThere(): Promise<EnvoyBinary | null> {
  try {
    return await findEnvoy({ env: { ...process.env, PIP_NO_INDEX: '1' }, onProgress: () => undefined });
  } catch (error) {
    if (!(error instanceof EnvoyError)) throw error;
    if (error.code === 'download-failed' || error.code === 'unsupported-platform') return null;
    throw error;
  }
}
