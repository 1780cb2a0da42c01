import { durationText } from '../../core/model/quantity.ts';
import { visibleText } from '../../core/model/visible-text.ts';
import type { Explanation, RuleExplanation, UnitExplanation } from '../../core/policy/explain.ts';
import type { Understanding } from '../../protocols/protocol.ts';
import { messageText } from './message-text.ts';
import { bold, dim, green, red, yellow } from './screen.ts';
import { approversText } from './who-text.ts';

const colours = { allow: green, deny: red, hold: yellow } as const;
const decisionWords = { allow: 'ALLOW', deny: 'DENY', hold: 'HOLD' } as const;

/** Why a decision is what it is, for a person who writes policies. */
export function explanationText(
  explanation: Explanation,
  masks: readonly string[],
  understood: Understanding['sections'],
): readonly string[] {
  const { decision, rule, reason, message, hint, effects, opaque, policies, connection } = explanation;
  const by = rule === null ? '' : `  by ${messageText(rule)}`;
  const elsewhere = policies.filter(({ applies }) => !applies);
  return [
    `${colours[decision](bold(decisionWords[decision]))}${by}${reason === null ? '' : `  (${reason})`}`,
    ...told(message, hint),
    ...approvalText(explanation),
    ...section('Effects', effects.flatMap(unitText)),
    ...section('Not understood', opaque.flatMap(unitText)),
    ...understood.flatMap(({ title, lines }) => section(title, lines.map(visibleText))),
    ...section('Masked', masks.map(visibleText)),
    ...section(
      'Policies that do not apply',
      elsewhere.map(({ policy, why }) => `${messageText(policy)}: ${why.map(messageText).join('; ')}`),
    ),
    ...section(
      'No session would open',
      connection === null ? [] : [red(messageText(`${connection.reason}: ${connection.message}`))],
    ),
  ];
}

const told = (message: string | null, hint: string | null): readonly string[] =>
  [message, hint].flatMap((text) => (text === null || text === '' ? [] : [`  ${messageText(text)}`]));

function approvalText({ approval }: Explanation): readonly string[] {
  if (approval === null) return [];
  const { approvers, quorum, withinMs, mode, waitMs, grant } = approval;
  const waits =
    mode === 'wait' ? `the client waits for ${durationText(waitMs)}` : 'the client is told to come back';
  const lets =
    grant.kind === 'exact'
      ? 'lets it run once'
      : `lets ${grant.covers === 'rule' ? 'all that the rule holds' : 'it'} run for ${durationText(grant.forMs)}`;
  return [
    ...approversText(quorum, approvers).map((line) => `  ${messageText(line)}`),
    `  within ${durationText(withinMs)}; ${waits}; an approval ${lets}`,
  ];
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', bold(title), ...lines.map((line) => `  ${line}`)];

function unitText({ effect, outcome, rule, reason, rules }: UnitExplanation): readonly string[] {
  const by = rule === null ? (reason ?? '') : `by ${messageText(rule)}`;
  return [`${visibleText(effect)}  ${colours[outcome](outcome)} ${by}`, ...rules.map(ruleText)];
}

function ruleText({ rule, outcome, applies, decided, why }: RuleExplanation): string {
  const mark = decided ? colours[outcome]('✓') : applies === 'unknown' ? '?' : '·';
  const reasons = why.map(messageText).join('; ');
  return `  ${mark} ${messageText(rule)} (${outcome})${reasons === '' ? '' : dim(`: ${reasons}`)}`;
}
