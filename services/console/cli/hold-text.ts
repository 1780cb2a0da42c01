import { sameParty } from '../../core/model/principal.ts';
import { durationText as exactDuration } from '../../core/model/quantity.ts';
import { wrapped } from '../../core/model/text-columns.ts';
import { visibleText } from '../../core/model/visible-text.ts';
import type { HoldDetail } from '../api/schemas.ts';
import { bold, dim, green, red, yellow } from './screen.ts';
import { markedCharacters, statementText } from './statement-text.ts';
import { fromNow, shortTime } from './time-text.ts';
import { approversText, partyText } from './who-text.ts';

/** Width of the names at the left. */
const labelColumns = 13;

/**
 * A hold with all that its approver must know: nothing of it is cut, whatever its size, and nothing that anybody wrote can
 * hide or pass for something else.
 *
 * @param columns of the terminal; null does not break lines
 */
export function holdText(hold: HoldDetail, columns: number | null, nowMs: number): readonly string[] {
  return [
    `${bold(`Hold ${visibleText(hold.id)}`)}  ${stateText(hold, nowMs)}`,
    ...field('asked by', [partyText(hold.requester)], columns),
    ...field('acting for', behind(hold), columns),
    ...field('target', [`${hold.target} (${hold.protocol})`], columns),
    ...field('rule', [hold.rule], columns),
    ...field('approvers', approversText(hold.quorum, hold.approvers), columns),
    ...field('approvals', [`${hold.approvals} of ${hold.quorum}`], columns),
    ...field('an approval', [grantText(hold)], columns),
    ...field('session', [hold.session], columns),
    ...field('command', hold.command === null ? [] : [`${hold.command} (as the client calls it)`], columns),
    ...field('opened', [shortTime(hold.openedAt)], columns),
    ...hold.votes.flatMap((vote) => voteText(vote, columns)),
    ...field('effects', hold.effects.length === 0 ? ['none'] : hold.effects, columns),
    ...field('consequences', hold.consequences, columns),
    ...field('set before', hold.sessionState === '' ? [] : hold.sessionState.split('\n'), columns),
    '',
    bold(sizeText(hold.text)),
    ...statementText(hold.text, columns),
    ...parametersText(hold.parameters, columns),
    ...alsoApprovedText(hold, columns),
    ...caution(hold),
    '',
    ...field('digest', [hold.digest], columns),
  ];
}

function field(name: string, values: readonly string[], columns: number | null): readonly string[] {
  return values.flatMap((value, index) => {
    const label = (index === 0 ? name : '').padEnd(labelColumns);
    const text = visibleText(value);
    const pieces = columns === null ? [text] : wrapped(text, Math.max(20, columns - labelColumns - 2));
    return pieces.map((piece, part) => `  ${dim(part === 0 ? label : ' '.repeat(labelColumns))}${piece}`);
  });
}

function stateText({ state, expiresAt }: HoldDetail, nowMs: number): string {
  switch (state) {
    case 'open':
      return `${yellow('open')}, expires ${fromNow(expiresAt, nowMs)} (${shortTime(expiresAt)} UTC)`;
    case 'approved':
    case 'used':
      return green(state);
    case 'rejected':
    case 'expired':
    case 'withdrawn':
      return red(state);
  }
}

const behind = ({ chain, requester }: HoldDetail): readonly string[] =>
  chain.filter((party) => !sameParty(party, requester)).map(partyText);

function grantText(hold: HoldDetail): string {
  const others = hold.alsoApproves.length;
  const also = others === 0 ? '' : `; and the ${counted(others, 'other action')} below, once each`;
  return `${ownGrantText(hold)}${also}`;
}

function ownGrantText({ grant, clientWaits, requester, rule, target }: HoldDetail): string {
  if (grant.kind === 'exact') {
    return clientWaits
      ? 'lets exactly this run, once, now: the client waits'
      : 'lets exactly this run, once, when it is sent again';
  }
  const time = exactDuration(grant.forMs);
  return grant.covers === 'action'
    ? `lets exactly this run, as often as it is sent, for ${time}`
    : `lets EVERYTHING run that rule ${rule} holds of ${requester.subject} on ${target}, for ${time}`;
}

function voteText(
  { approver, verdict, reason, at }: HoldDetail['votes'][number],
  columns: number | null,
): readonly string[] {
  const verb = verdict === 'approve' ? 'approved' : 'rejected';
  return field(verb, [`${shortTime(at)} by ${partyText(approver)}: ${reason}`], columns);
}

const counted = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

/** `Text: 3 lines, 120 characters` */
export function sizeText(text: string): string {
  const lines = text.split('\n').length;
  const characters = [...text].length;
  return `Text: ${counted(lines, 'line')}, ${counted(characters, 'character')}`;
}

function parametersText(parameters: readonly (string | null)[], columns: number | null): readonly string[] {
  if (parameters.length === 0) return [];
  return [
    bold('Parameters'),
    ...parameters.flatMap((value, index) => parameterText(`  $${index + 1}`, value, columns)),
  ];
}

function parameterText(name: string, value: string | null, columns: number | null): readonly string[] {
  if (value === null) return [`${name} ${dim('is NULL')}`];
  const [first = '', ...rest] = statementText(value, columns === null ? null : columns - 4);
  // A value of one line needs no number.
  if (rest.length === 0) return [`${name} ${dim('│')} ${first.slice(first.indexOf('│') + 2)}`];
  return [name, ...[first, ...rest].map((line) => `    ${line}`)];
}

/** What else an approval lets run: for each what it does, and all of its text. */
function alsoApprovedText({ alsoApproves }: HoldDetail, columns: number | null): readonly string[] {
  if (alsoApproves.length === 0) return [];
  return [
    bold(`Also approves ${counted(alsoApproves.length, 'other action')}, once each`),
    ...alsoApproves.flatMap(({ effects, text }, index) =>
      field(String(index + 1), [effects.join(', '), text.split('\n').join('; ')], columns),
    ),
  ];
}

/** What an approver should be told to look at twice. */
function caution({
  text,
  parameters,
  effects,
  consequences,
  sessionState,
  alsoApproves,
}: HoldDetail): readonly string[] {
  const others = alsoApproves.flatMap((other) => [other.text, ...other.effects]);
  const values = parameters.map((value) => value ?? '');
  const marked = [text, ...values, ...effects, ...consequences, sessionState, ...others]
    .map(markedCharacters)
    .reduce((sum, count) => sum + count, 0);
  if (marked === 0) return [];
  const what = marked === 1 ? '1 character is' : `${marked} characters are`;
  return [
    yellow(
      `${what} shown as code points ⟨U+…⟩: they cannot be seen, move other text about, or pass for other characters.`,
    ),
  ];
}
