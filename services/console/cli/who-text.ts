import type { ApprovalTerms } from '../../core/model/decision.ts';
import type { Party, PrincipalKind } from '../../core/model/principal.ts';
import type { PrincipalPattern } from '../../core/model/principal-pattern.ts';

interface Speaker extends Party {
  readonly kind?: PrincipalKind;
  readonly actsFor: readonly Party[];
}

/** `agent-7 (agent) for ada`; not yet visible text. */
export const speakerText = ({ subject, kind, actsFor }: Speaker): string =>
  [subject, kind === undefined ? '' : ` (${kind})`, ...actsFor.map((party) => ` for ${party.subject}`)].join(
    '',
  );

export const partyText = ({ subject, issuer }: Party): string => `${subject} (${issuer})`;

function patternText(pattern: PrincipalPattern): string {
  const parts = [
    ['group', pattern.groups],
    ['subject', pattern.subjects],
    ['kind', pattern.kinds],
    ['issuer', pattern.issuers],
    ['acting for', pattern.actingFor],
    ...Object.entries(pattern.claims ?? {}).map(([name, values]) => [`claim ${name}`, values] as const),
  ] as const;
  const said = parts.flatMap(([what, values]) =>
    values === undefined ? [] : [`${what} ${values.join(' or ')}`],
  );
  return said.length === 0 ? 'anybody' : said.join(' and ');
}

/** `one person of group dba`; of several clauses, one a line. */
export function approversText(quorum: number, clauses: ApprovalTerms['approvers']): readonly string[] {
  const count = quorum === 1 ? 'one person' : `${quorum} people`;
  return clauses.map(
    (patterns, index) =>
      `${index === 0 ? count : 'who are also'} of ${patterns.map(patternText).join(', or ') || 'nobody'}`,
  );
}
