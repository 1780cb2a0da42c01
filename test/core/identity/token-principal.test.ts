import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { maxActors, maxGroups } from '../../../services/core/identity/limits.ts';
import { chainOf } from '../../../services/core/model/principal.ts';
import type { IssuerSettings } from '../../../services/core/model/settings.ts';
import { type Json, startIssuer, type TestIssuer, testAudience } from '../../servers/issuer.ts';
import { startMs, TestClock, TestGateway } from './gateway.ts';

const clock = new TestClock(startMs);
let issuer: TestIssuer;
let gateway: TestGateway;

beforeAll(async () => {
  issuer = await startIssuer({ nowMs: () => startMs });
});

beforeEach(() => {
  gateway = new TestGateway([issuer.settings], clock);
});

afterAll(() => issuer.stop());

/** A gateway whose issuer is configured otherwise. */
const configured = (change: Partial<IssuerSettings>): TestGateway =>
  new TestGateway([{ ...issuer.settings, ...change }], clock);

const mapped = (change: Partial<IssuerSettings['claims']>): TestGateway =>
  configured({ claims: { ...issuer.settings.claims, ...change } });

describe('mapping', () => {
  test.each([
    ['a list', { groups: ['a', 'b', 'a'] }, ['a', 'b']],
    ['a string', { groups: 'a b' }, ['a b']],
    ['nothing', {}, []],
    ['null', { groups: null }, []],
    ['paths as Keycloak writes them', { groups: ['/eu/dba'] }, ['/eu/dba']],
  ])('groups from %s', async (_, claims, groups) => {
    expect((await gateway.verify(issuer.mint(claims))).groups).toEqual(groups);
  });

  test.each([
    ['a number', { groups: 7 }],
    ['an object', { groups: { admin: true } }],
    ['a list of other things', { groups: ['a', 7] }],
    ['an empty name', { groups: [''] }],
    ['a pattern', { groups: ['adm*'] }],
    ['a step up', { groups: ['admin/../x'] }],
    ['a step nowhere', { groups: ['./admin'] }],
    ['a line', { groups: ['a\nadmin'] }],
    ['too many', { groups: Array.from({ length: maxGroups + 1 }, (_, i) => `${i}`) }],
    ['elsewhere (Entra)', { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'x' } } }],
    ['elsewhere (Entra, implicit)', { hasgroups: true }],
  ])('groups of %s are refused', async (_, claims) => {
    expect(await gateway.outcome(issuer.mint(claims))).toBe('rejected');
  });

  test('paths reach into objects, and URLs are names', async () => {
    const keycloak = mapped({ groups: 'realm_access.roles', subject: 'preferred_username' });
    const claims = {
      realm_access: { roles: ['dba'] },
      preferred_username: 'al',
      'realm_access.roles': ['admin'],
    };
    expect(await keycloak.verify(issuer.mint(claims))).toMatchObject({ subject: 'al', groups: ['dba'] });
    const auth0 = mapped({ groups: 'https://example.com/groups' });
    expect((await auth0.verify(issuer.mint({ 'https://example.com/groups': ['dba'] }))).groups).toEqual([
      'dba',
    ]);
    for (const path of ['__proto__', 'constructor.name', 'groups.length', 'groups.0']) {
      expect((await mapped({ groups: path }).verify(issuer.mint({ groups: ['x'] }))).groups).toEqual([]);
    }
  });

  test('a subject from another claim must be there', async () => {
    expect(await mapped({ subject: 'email' }).outcome(issuer.mint())).toBe('rejected');
    expect(await mapped({ subject: 'email' }).outcome(issuer.mint({ email: 'a@b', sub: undefined }))).toBe(
      'rejected',
    );
  });

  test.each([
    ['workload', 'workload'],
    ['person', 'person'],
    [undefined, 'agent'],
  ])('kind %s is %s', async (kind, expected) => {
    expect((await gateway.verify(issuer.mint({ kind }))).kind).toBe(expected);
  });

  test.each(['admin', 'Person', '', null, true, ['person']])('kind %j is refused', async (kind) => {
    expect(await gateway.outcome(issuer.mint({ kind }))).toBe('rejected');
  });

  test('without a claim for it, every principal has the default kind', async () => {
    const workloads = mapped({ kind: null, defaultKind: 'workload' });
    expect((await workloads.verify(issuer.mint({ kind: 'person' }))).kind).toBe('workload');
  });
});

describe('act', () => {
  test('the actor speaks, for the subject first and then for the actors before', async () => {
    const act = {
      sub: 'agent-7',
      act: { sub: 'planner', iss: 'https://agents.example', act: { sub: 'ci' } },
    };
    const principal = await gateway.verify(
      issuer.mint({ sub: 'alice', kind: 'person', groups: ['dba'], act }),
    );
    expect(principal).toMatchObject({
      issuer: issuer.url,
      subject: 'agent-7',
      kind: 'agent',
      groups: ['dba'],
    });
    expect(chainOf(principal)).toEqual([
      { issuer: issuer.url, subject: 'agent-7' },
      { issuer: issuer.url, subject: 'alice' },
      { issuer: 'https://agents.example', subject: 'planner' },
      { issuer: issuer.url, subject: 'ci' },
    ]);
  });

  test('the actor’s kind is the actor’s own, else agent', async () => {
    const kindOf = async (act: Json): Promise<string> =>
      (await gateway.verify(issuer.mint({ kind: 'person', act }))).kind;
    expect(await kindOf({ sub: 'a' })).toBe('agent');
    expect(await kindOf({ sub: 'a', kind: 'workload' })).toBe('workload');
    expect(await gateway.outcome(issuer.mint({ act: { sub: 'a', kind: 'root' } }))).toBe('rejected');
  });

  test('people who are known by another claim than sub are named by it', async () => {
    const byEmail = mapped({ subject: 'email' });
    const act = { sub: 'agent-7', act: { sub: 'u-2', email: 'bob@corp.example' } };
    const principal = await byEmail.verify(issuer.mint({ sub: 'u-1', email: 'alice@corp.example', act }));
    expect(chainOf(principal).map(({ subject }) => subject)).toEqual([
      'agent-7',
      'alice@corp.example',
      'bob@corp.example',
    ]);
  });

  test.each<[string, unknown]>([
    ['a string', 'agent-7'],
    ['a list', [{ sub: 'a' }]],
    ['null', null],
    ['nobody', {}],
    ['somebody without a name', { sub: '' }],
    ['somebody behind whom is nobody', { sub: 'a', act: {} }],
    ['an issuer that is no string', { sub: 'a', iss: 7 }],
    ['an issuer that cannot be shown', { sub: 'a', iss: 'https://x\u202e' }],
  ])('%s as actor is refused', async (_, act) => {
    expect(await gateway.outcome(issuer.mint({ act }))).toBe('rejected');
  });

  test('the chain has an end', async () => {
    const chain = (actors: number): Json =>
      actors === 1 ? { sub: 'a' } : { sub: 'a', act: chain(actors - 1) };
    expect(await gateway.outcome(issuer.mint({ act: chain(maxActors) }))).toBe('accepted');
    expect(await gateway.outcome(issuer.mint({ act: chain(maxActors + 1) }))).toBe('rejected');
  });

  test('an issuer cannot make the principals of another one speak', async () => {
    const other = await startIssuer({ nowMs: () => startMs });
    const both = new TestGateway([issuer.settings, other.settings], clock);
    expect(await both.outcome(issuer.mint({ act: { sub: 'root', iss: other.url } }))).toBe('rejected');
    const prior = { sub: 'agent', act: { sub: 'bob', iss: other.url } };
    expect((await both.verify(issuer.mint({ act: prior }))).actsFor[1]).toEqual({
      issuer: other.url,
      subject: 'bob',
    });
    await other.stop();
  });
});

describe('uses', () => {
  test('a console token opens no session, and a token for sessions no console', async () => {
    const console = issuer.mintConsole('alice');
    const access = issuer.mint({ sub: 'alice', kind: 'person' });
    expect(await gateway.outcome(console, 'console')).toBe('accepted');
    expect(await gateway.outcome(console, 'access')).toBe('rejected');
    expect(await gateway.outcome(access, 'access')).toBe('accepted');
    expect(await gateway.outcome(access, 'console')).toBe('rejected');
  });

  test.each<[string, Json]>([
    ['an agent', { kind: 'agent' }],
    ['a workload', { kind: 'workload' }],
    ['whoever does not say', { kind: undefined }],
    ['an agent that acts for a person', { act: { sub: 'agent-7' } }],
    ['a person who acts for another', { act: { sub: 'bob', kind: 'person' } }],
  ])('%s may not use the console', async (_, claims) => {
    expect(await gateway.outcome(issuer.mintConsole('alice', claims), 'console')).toBe('rejected');
  });

  test.each([null, testAudience])(
    'an issuer with the console audience %s lets nobody in',
    async (consoleAudience) => {
      const closed = configured({ consoleAudience });
      expect(await closed.outcome(issuer.mint({ kind: 'person' }), 'console')).toBe('rejected');
    },
  );
});
