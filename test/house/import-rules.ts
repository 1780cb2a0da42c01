import type { IForbiddenRuleType } from 'dependency-cruiser';

const core = '^services/core/';
const folderOfCore = '^services/core/([^/]+)/';
const folderOfProtocols = '^services/protocols/([^/]+)/';

/** Who may import whom: design.md section 4, one rule a sentence. */
export const rules: readonly IForbiddenRuleType[] = [
  { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'model-imports-nothing',
    severity: 'error',
    from: { path: '^services/core/model/' },
    to: { pathNot: ['^services/core/model/'], dependencyTypesNot: ['core'] },
  },
  {
    name: 'core-folders-import-only-model',
    severity: 'error',
    from: { path: folderOfCore },
    to: {
      path: core,
      // core/redis is the way to Redis, of which approvals and the registry know no more than each has to say to it.
      pathNot: [
        '^services/core/model/',
        '^services/core/$1/',
        '^services/core/checkpoint/contract.ts$',
        '^services/core/redis/',
      ],
    },
  },
  {
    name: 'core-imports-nothing-above-it',
    severity: 'error',
    from: { path: core },
    to: { path: '^(services/(protocols|edge|console|main)|envoy/|examples/)' },
  },
  {
    name: 'protocols-import-model-masking-and-the-checkpoint-contract',
    severity: 'error',
    from: { path: '^services/protocols/' },
    to: {
      path: '^(services|envoy|examples)/',
      pathNot: [
        '^services/protocols/',
        '^services/core/(model|masking)/',
        '^services/core/checkpoint/contract.ts$',
      ],
    },
  },
  {
    // shell/ is what kubernetes and ssh read, requests/ what http and kubernetes are decided by; neither is a protocol.
    name: 'no-protocol-imports-another',
    severity: 'error',
    from: { path: folderOfProtocols },
    to: {
      path: folderOfProtocols,
      pathNot: ['^services/protocols/$1/', '^services/protocols/(shell|requests)/'],
    },
  },
  {
    name: 'what-protocols-share-imports-no-protocol',
    severity: 'error',
    from: { path: '^services/protocols/(shell|requests)/' },
    to: { path: folderOfProtocols, pathNot: ['^services/protocols/(shell|requests)/'] },
  },
  {
    name: 'edge-and-console-do-not-import-each-other',
    severity: 'error',
    from: { path: '^services/edge/' },
    to: { path: '^services/(console|main)' },
  },
  {
    name: 'console-does-not-import-edge',
    severity: 'error',
    from: { path: '^services/console/' },
    to: { path: '^services/(edge|main)' },
  },
  {
    name: 'only-main-knows-everything',
    severity: 'error',
    from: { path: '^(services|envoy)/', pathNot: '^services/main.ts$' },
    to: { path: '^services/main.ts$' },
  },
  {
    name: 'products-do-not-import-tests-or-examples',
    severity: 'error',
    from: { path: '^(services|envoy)/' },
    to: { path: '^(test|examples)/' },
  },
  {
    name: 'nothing-unresolved',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
];
