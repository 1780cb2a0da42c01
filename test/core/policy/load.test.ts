import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { InvariantError } from '../../../services/core/model/errors.ts';
import { loadPolicies } from '../../../services/core/policy/load.ts';
import { editorSchema } from '../../../services/core/policy/schema.ts';
import type { ProtocolWords } from '../../../services/core/policy/vocabulary.ts';
import { told, yaml } from './documents.ts';
import { podWords, sqlWords, vocabulary } from './words.ts';

const problems = (...files: readonly string[]): readonly string[] =>
  told(
    loadPolicies(
      files.map((text, index) => yaml(text, `${index + 1}.yaml`)),
      vocabulary,
    ).problems,
  );

test('all problems are told in one go, each with its line and column', () => {
  const file = `policies:
  - name: shop
    targets: [shop, shpo, 'x-*']
    principels: []
    rules:
      - name: read
        effects: [selct, get]
        tables: [app.*]
        outcom: allow
      - name: read
        effects: [select]
        resources: [pods]
        outcome: allow
      - name: no approvers
        effects: [delete]
        outcome: hold
      - name: times
        effects: [select]
        times: {zone: Europe/Berln, from: '25:00', to: '10:00', weekdays: [monday]}
        sources: [10.0.0.0/33, '::ffff:10.0.0.1', host]
        listeners: [insid]
        parameters: {0: {oneOf: [a]}, 1: {}, 2: {matches: '(a'}, 3: {matches: '(a)\\1'}}
        outcome: allow
    masks:
      - {fields: [email], with: emial}
      - {detect: [emails], with: full}
      - {with: full}
    limits: {row: 5, bytes: 5MB, session: 5}
  - name: pods
    targets: [cluster]
    rules:
      - {name: a, effects: [get], tables: [x], outcome: allow}
      - {name: b, effects: [get], color: [x], outcome: allow}
      - {name: c, effects: [get], outcome: allow, message: hello}
      - {name: d, outcome: deny}
      - {name: e, opaque: [unknown-subresourc], resources: [x], outcome: deny}
      - {name: f, effects: [get], outcome: hold, approval: {approvers: [], quorum: 0, grant: {for: 1h}, within: 30d}}
      - {name: g, effects: [get], outcome: hold, approval: {approvers: [{}], mode: defer, wait: 1m}}
`;
  expect(problems(file)).toEqual([
    '1.yaml:3:21: error: "shpo" is not a target of the config; did you mean "shop"?',
    '1.yaml:3:27: warning: "x-*" matches no target',
    '1.yaml:4:5: error: unknown key "principels"; did you mean "principals"?',
    '1.yaml:6:9: error: "outcome" is missing',
    '1.yaml:7:19: error: "selct" is not a verb of sql; did you mean "select"?',
    `1.yaml:7:26: error: "get" is a verb of pods, and this policy's targets speak sql`,
    '1.yaml:9:9: error: unknown key "outcom"; did you mean "outcome"?',
    '1.yaml:10:9: error: rule "read" is in this policy already, on line 6',
    `1.yaml:12:9: error: "resources" is a condition of pods, and this policy's targets speak sql`,
    '1.yaml:14:9: error: "name": must be a name of letters, digits, ".", "_" and "-", beginning with a letter or digit',
    '1.yaml:14:9: error: the rule holds, but nobody can approve: write "approval" with "approvers"',
    '1.yaml:19:17: error: "zone": is not a zone of the IANA database; write one like Europe/Berlin or UTC',
    '1.yaml:19:37: error: "from": must be a time of day from "00:00" to "24:00"',
    '1.yaml:19:76: error: "weekdays": "monday" is not a weekday; known are mon, tue, wed, thu, fri, sat, sun',
    '1.yaml:20:19: error: "sources": "10.0.0.0/33" has an impossible prefix length',
    '1.yaml:20:32: error: "sources": "::ffff:10.0.0.1" must be written as the IPv4 range that it is',
    '1.yaml:20:51: error: "sources": "host" is not an IP address or CIDR range',
    '1.yaml:21:21: error: "insid" is not a listener of the config; did you mean "inside"?',
    '1.yaml:22:22: error: "0": must be the position of a parameter: 1, 2, 3, ...',
    '1.yaml:22:39: error: "1": asks for nothing; write oneOf, matches, atLeast or atMost',
    expect.stringMatching(/^1.yaml:22:46: error: "matches": is not a usable regular .*Unterminated group$/),
    expect.stringMatching(/^1.yaml:22:66: error: "matches": is not a usable regular .*references to groups/),
    '1.yaml:25:19: error: "email" must be schema.table.column',
    '1.yaml:25:27: error: "emial" is not a transform; did you mean "email"?',
    '1.yaml:26:19: error: "emails" is not a detector; did you mean "email"?',
    '1.yaml:27:9: error: a mask must say what it hides: write "fields" or "detect"',
    '1.yaml:28:14: error: unknown key "row"; did you mean "rows"?',
    '1.yaml:28:22: error: "bytes": must be a size like 512KiB, 16MiB or a number of bytes',
    '1.yaml:28:34: error: "session": must be a duration like 30s, 5m, 2h or 1d',
    `1.yaml:32:35: error: "tables" is a condition of sql, and this policy's targets speak pods`,
    '1.yaml:33:35: error: unknown key "color"',
    `1.yaml:34:51: error: "message" belongs to outcome: deny, and this rule's outcome is allow`,
    '1.yaml:35:9: error: the rule is about nothing: write "effects" ("*" is every effect) or "opaque"',
    '1.yaml:36:28: error: "unknown-subresourc" is not an opaque reason of pods; did you mean "unknown-subresource"?',
    '1.yaml:36:49: error: "resources" is a condition on effects, and this rule is on opaque reasons alone: add "effects"',
    '1.yaml:37:61: error: "approvers": must name somebody who can approve',
    '1.yaml:37:76: error: "quorum": must be 1 or more',
    '1.yaml:37:87: error: "covers" is missing',
    '1.yaml:37:105: error: "within": must be at most 7d',
    '1.yaml:38:91: error: "wait": belongs to mode: wait; a deferred hold answers at once',
  ]);
});

describe('files', () => {
  test('a policy’s name is taken once, in whatever file', () => {
    const one = 'policies:\n  - {name: a, targets: [shop]}\n';
    expect(problems(one, `${one}  - {name: builtin, targets: [shop]}\n`)).toEqual([
      '2.yaml:2:6: error: policy "a" exists already, in 1.yaml on line 2',
      '2.yaml:3:6: error: "name": is the name of the gateway’s own rules',
    ]);
  });

  test.each([
    ['', '1.yaml:1:1: error: the file: Invalid input: expected object, received null'],
    ['policy: []', '1.yaml:1:1: error: "policies" is missing'],
    ['policies: {}', '1.yaml:1:1: error: "policies": Invalid input: expected array, received object'],
    ['policies: [x]', '1.yaml:1:12: error: "policies": Invalid input: expected object, received string'],
    [
      'policies: [{name: a, targets: [shop], rules: [x]}]',
      '1.yaml:1:47: error: a rule must be a map of keys to values',
    ],
    [
      'policies: [{name: a, targets: []}]',
      '1.yaml:1:22: error: "targets": must name a target; "*" is all of them',
    ],
  ])('%j', (text, expected) => {
    expect(problems(text)).toContain(expected);
  });

  test('problems of reading are kept, and break the set', () => {
    const earlier = { severity: 'error', file: 'x.yaml', line: 3, column: 4, message: 'no YAML' } as const;
    const loaded = loadPolicies([yaml('policies: []')], vocabulary, [earlier]);
    expect(loaded).toEqual({ policies: null, problems: [earlier], patterns: [] });
  });
});

test('warnings do not break the set', () => {
  const loaded = loadPolicies(
    [
      yaml(`policies:
  - name: a
    targets: ['*']
    principals: [{groups: []}]
    rules:
      - {name: b, effects: [], outcome: allow}
      - {name: c, effects: [select], tables: [], outcome: deny}
      - {name: d, effects: [select], parameters: {1: {atLeast: 5, atMost: 4}}, outcome: allow}
      - {name: e, effects: [get], tables: [x], outcome: allow}
      - {name: f, effects: [connect], outcome: hold, approval: {approvers: [{}]}}
      - {name: g, effects: [connect], tables: [x], outcome: deny}
      - {name: h, effects: [get], sources: [], principals: [], outcome: allow}
      - {name: i, effects: [get], times: {zone: UTC, weekdays: []}, outcome: allow}
  - name: nobody
    targets: [shop]
    principals: []
`),
    ],
    vocabulary,
  );
  expect(loaded.policies).not.toBeNull();
  expect(told(loaded.problems)).toEqual([
    'policy.yaml:4:19: warning: the list is empty, so it matches nobody',
    'policy.yaml:6:19: warning: the list is empty, so it matches nothing',
    'policy.yaml:7:38: warning: the list is empty, so it matches nothing',
    'policy.yaml:8:38: warning: no value can be all of this, so rule "d" can never match',
    'policy.yaml:9:9: warning: no target of the policy speaks of all that this rule asks for, so rule "e" can never match',
    'policy.yaml:10:39: warning: a connection cannot be held; hold what is done with it',
    'policy.yaml:10:77: warning: an empty pattern: every person of every issuer can approve',
    'policy.yaml:11:39: warning: a connection has no tables, so rule "g" can never match',
    'policy.yaml:12:35: warning: the list is empty, so it matches nothing',
    'policy.yaml:12:48: warning: the list is empty, so it matches nothing',
    'policy.yaml:13:54: warning: the list is empty, so it matches nothing',
    'policy.yaml:16:5: warning: the list is empty, so the policy applies to nobody; leave it out for everybody',
  ]);
});

test('a protocol’s words must not clash with those of every rule', () => {
  const load = (words: ProtocolWords) => () =>
    loadPolicies([], { ...vocabulary, protocols: { sql: words, pods: podWords } });
  expect(load({ ...sqlWords, verbs: ['select'] })).toThrow(InvariantError);
  const conditions = { ...sqlWords.conditions, sources: podWords.conditions.resources };
  expect(load({ ...sqlWords, conditions })).toThrow(InvariantError);
});

test('two protocols that find the same mistake tell it once', () => {
  const conditions = { ...podWords.conditions, tables: sqlWords.conditions.tables };
  const both = { ...vocabulary, protocols: { sql: sqlWords, pods: { ...podWords, conditions } } };
  const file = yaml(
    `policies: [{name: a, targets: ['*'], rules: [{name: r, effects: [select, get], tables: x, outcome: allow}]}]`,
  );
  expect(told(loadPolicies([file], both).problems)).toEqual([
    'policy.yaml:1:80: error: "tables": Invalid input: expected array, received string',
  ]);
});

describe('the version', () => {
  const version = (text: string): string => {
    const { policies, problems: found } = loadPolicies([yaml(text)], vocabulary);
    expect(told(found)).toEqual([]);
    return policies?.version ?? '';
  };
  const flow = `policies: [{name: a, targets: [shop], rules: [
    {name: r, effects: [select], outcome: hold, parameters: {1: {matches: 'a.*'}}, tables: [x],
     approval: {approvers: [{groups: [g]}], within: 15m}}], limits: {bytes: 1MiB}}]`;
  const block = `
# the same in other words
policies:
  - targets: [shop]
    limits: {bytes: 1048576}
    rules:
      - approval: {quorum: 1, approvers: [{groups: ["g"]}], within: 900s, mode: wait, grant: exact}
        tables: ["x"]
        parameters: {"1": {matches: "a.*"}}
        effects: [select]
        outcome: hold
        name: r
    name: a
`;
  test('is that of the content, whatever the formatting', () => {
    expect(version(flow)).toMatch(/^[0-9a-f]{16}$/);
    expect(version(block)).toBe(version(flow));
  });

  test.each([
    ['a rule’s name', 'name: r', 'name: s'],
    ['a table', '[x]', '[y]'],
    ['an expression', 'a.*', 'b.*'],
    ['an approver', '[g]', '[h]'],
    ['a limit', '1MiB', '2MiB'],
  ])('changes with %s', (_, from, to) => {
    expect(version(flow.replace(from, to))).not.toBe(version(flow));
  });
});

test('patterns that name something in a target are listed with their place', () => {
  const text = `policies:
  - name: a
    targets: ['*']
    rules:
      - {name: r, effects: [select], tables: [app.users, app.x], outcome: allow}
    masks: [{fields: [app.users.email], with: full}]
`;
  const { patterns } = loadPolicies([yaml(text)], vocabulary);
  const place = { file: 'policy.yaml', targets: ['shop', 'billing'] };
  expect(patterns).toEqual([
    { ...place, condition: 'tables', pattern: 'app.users', line: 5, column: 47 },
    { ...place, condition: 'tables', pattern: 'app.x', line: 5, column: 58 },
    { ...place, condition: 'fields', pattern: 'app.users.email', line: 6, column: 23 },
  ]);
});

test('an editor gets a JSON Schema with every word of the protocols', () => {
  const schema: unknown = z.toJSONSchema(editorSchema(vocabulary), { io: 'input' });
  const text = JSON.stringify(schema);
  for (const word of ['select', 'exec', 'tables', 'resources', 'procedural-code', 'last4', 'approvers']) {
    expect(text).toContain(`"${word}"`);
  }
  expect(text).toContain('"additionalProperties":false');
});
