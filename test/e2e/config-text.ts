import { type TestIssuer, testAudience, testConsoleAudience } from '../servers/issuer.ts';

export const indented = (lines: readonly string[], by: number): string =>
  lines.map((line) => `${' '.repeat(by)}${line}\n`).join('');

/** The config's section on who is trusted. @param further keys of identity; YAML lines */
export const identityText = (issuer: TestIssuer, further: readonly string[]): string => `\
identity:
  issuers:
    - name: test
      url: ${issuer.url}
      audience: ${testAudience}
      consoleAudience: ${testConsoleAudience}
      algorithms: [ES256]
      claims: {kind: kind, groups: groups}
${indented(further, 2)}`;

/** Who may operate the gateway and who may audit it, where a test says nothing else. */
export const usualConsole: readonly string[] = [
  'console: {operators: [{groups: [sre]}], auditors: [{groups: [audit]}]}',
];
