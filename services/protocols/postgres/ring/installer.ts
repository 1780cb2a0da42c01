import { type KeyObject, randomBytes } from 'node:crypto';
import { systemClock } from '../../../core/model/clock.ts';
import type { Obligations } from '../../../core/model/decision.ts';
import type { TargetName } from '../../../core/model/ids.ts';
import type { Secret } from '../../../core/model/secret.ts';
import type { MaskInstaller, MaskingStatus, MaskSetStatus } from '../../protocol.ts';
import { CatalogConnection } from '../session/catalog-connection.ts';
import { scramVerifier } from '../session/scram.ts';
import type { Catalog } from '../sql/catalog.ts';
import { CatalogCache } from '../sql/catalog-cache.ts';
import type { PostgresTarget, RingLogin } from '../target.ts';
import { RingError } from './errors.ts';
import { installSql, ringComment, uninstallSql } from './install-sql.ts';
import { planRing, type RingPlan } from './plan.ts';
import { type Login, readLogin } from './rights.ts';
import { type Ring, ringOf } from './ring.ts';
import { stateOf } from './state.ts';

/** PostgreSQL's own (SCRAM_DEFAULT_SALT_LEN). */
const saltBytes = 16;

interface InstallerParts {
  readonly name: TargetName;
  readonly target: PostgresTarget;
  readonly ringLogin: RingLogin;
  readonly plans: readonly RingPlan[];
  readonly login: Login;
  readonly catalog: Catalog;
  readonly maskingKey: KeyObject;
}

/** Reads the target once, as its login. @throws UpstreamError, CatalogError, RingError */
export async function createMaskInstaller(
  name: TargetName,
  target: PostgresTarget,
  sets: readonly Obligations[],
  readMaskingKey: () => Promise<KeyObject>,
): Promise<MaskInstaller | null> {
  const { ring: ringLogin, searchPath } = target;
  if (ringLogin === null) return null;
  const maskingKey = await readMaskingKey();
  const connection = new CatalogConnection(target, systemClock);
  try {
    const { current: catalog } = await CatalogCache.open(connection);
    const login = await readLogin(connection);
    if (login.serverEncoding !== 'UTF8') {
      throw new RingError(
        'wrong-encoding',
        `the database's encoding is ${login.serverEncoding}: masks are made for UTF8 alone`,
      );
    }
    const rings = new Map<string, Ring>();
    for (const set of sets) {
      const ring = ringOf(name, target, set);
      if (ring !== null) rings.set(ring.role, ring);
    }
    const plans = [...rings.values()].map((ring) => planRing(ring, searchPath, catalog, maskingKey));
    return new RingInstaller({ name, target, ringLogin, plans, login, catalog, maskingKey });
  } finally {
    await connection.close();
  }
}

class RingInstaller implements MaskInstaller {
  readonly status: MaskingStatus;
  readonly #parts: InstallerParts;
  /** In the database now, and made for this target. */
  readonly #existing: readonly string[];

  constructor(parts: InstallerParts) {
    const { catalog, login, plans, name } = parts;
    this.#parts = parts;
    this.#existing = [...catalog.rings].flatMap(([role, { comment }]) =>
      comment === ringComment(name) ? [role] : [],
    );
    this.status = {
      sets: plans.map((plan) => statusOf(plan, parts)),
      unwanted: this.#unwanted(),
      warnings: [
        ...login.openDefiners.map(
          (text) => `function ${text} runs with its owner's rights, and everybody may call it`,
        ),
        ...login.keptFunctions.map(
          ({ name: one, why }) => `function ${one} cannot be called in a ring: ${why}`,
        ),
      ],
    };
  }

  async installScript(): Promise<string> {
    const { plans, catalog, ringLogin } = this.#parts;
    const passwordVerifier = await scramVerifier(ringLogin.password, randomBytes(saltBytes));
    const rings = plans.map((plan) => ({ plan, exists: catalog.rings.has(plan.ring.role) }));
    return installSql(rings, { ...this.#parts, passwordVerifier });
  }

  uninstallScript(which: 'all' | 'unwanted'): string | null {
    const roles = which === 'all' ? this.#existing : this.#unwanted();
    return roles.length === 0 ? null : uninstallSql(roles, this.#parts);
  }

  async run(script: string, user: string, password: Secret | null): Promise<void> {
    const { target } = this.#parts;
    const connection = new CatalogConnection({ ...target, user, password }, systemClock, { writes: true });
    try {
      await connection.query(script);
    } finally {
      await connection.close();
    }
  }

  #unwanted(): readonly string[] {
    const wanted = new Set(this.#parts.plans.map(({ ring }) => ring.role));
    return this.#existing.filter((role) => !wanted.has(role));
  }
}

function statusOf(plan: RingPlan, { target, catalog, login }: InstallerParts): MaskSetStatus {
  const state = stateOf(plan, target.searchPath, catalog);
  const faults = state.kind === 'stale' ? state.why : [];
  return {
    name: plan.ring.role,
    masks: plan.ring.masks.flatMap(({ fields, transform }) =>
      fields.map((field) => `${field} -> ${transform}`),
    ),
    state: state.kind,
    notes: [...faults, ...(state.kind === 'missing' ? [] : notReached(plan, catalog, login))],
  };
}

/** What the login reads and the ring does not: tables that were made since. */
function notReached({ ring, relations }: RingPlan, catalog: Catalog, login: Login): readonly string[] {
  const readable = catalog.rings.get(ring.role)?.readable;
  return relations.flatMap(({ relation, columns, ownRights, view }) => {
    const rights = login.rights.get(relation.oid);
    if (!ownRights || view !== null || rights === undefined) return [];
    const missing = columns.some(
      ({ origin, attributeNumber: at }) =>
        origin.kind === 'clear' && rights.select.has(at) && readable?.get(relation.oid)?.has(at) !== true,
    );
    return missing ? [`${relation.text} cannot be read in it yet`] : [];
  });
}
