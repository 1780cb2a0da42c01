/** What a refused client is told. It is an agent more often than not: say what was refused, by which rule, and why. */
import type { Unacceptable } from '../model/action.ts';
import {
  type ConditionTreatment,
  type Deny,
  type Mask,
  type Reason,
  type RuleRef,
  ruleText,
} from '../model/decision.ts';
import type { TargetName } from '../model/ids.ts';
import { visibleText } from '../model/visible-text.ts';
import { maxShownResourceCharacters } from './limits.ts';
import type { DenyRule, Rule } from './rule.ts';

const deny = (reason: Reason, message: string, hint: string, rule: RuleRef | null = null): Deny => ({
  kind: 'deny',
  rule,
  reason,
  message,
  hint,
});

/** Names of resources are the client's own text: nothing in them may move a cursor or turn the line around. */
export const shown = (text: string): string =>
  text.length <= maxShownResourceCharacters
    ? visibleText(text)
    : `${visibleText(text.slice(0, maxShownResourceCharacters))}...`;

const sentences = (...parts: readonly (string | null)[]): string =>
  parts.filter((part) => part !== null && part !== '').join(' ');

const ended = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Everything that a refusal on one target says beside its cause. */
export interface RefusalContext {
  readonly target: TargetName;
  /** `Here you may: ...`, from the principal's own rules. */
  guidance(): string;
}

const askText = (target: TargetName): string =>
  `If you need more on ${target}, ask the people who run this gateway, and quote this message.`;

export const unacceptable = ({ reason, message, hint }: Unacceptable): Deny => deny(reason, message, hint);

export const deniedByRule = (context: RefusalContext, rule: DenyRule, what: string): Deny =>
  deny(
    'denied-by-rule',
    sentences(
      `Refused: ${shown(what)} on ${context.target}.`,
      rule.message === null
        ? `Rule ${ruleText(rule.ref)} denies it.`
        : `Rule ${ruleText(rule.ref)} denies it: ${ended(rule.message)}`,
    ),
    sentences(rule.hint === null ? null : ended(rule.hint), context.guidance()),
    rule.ref,
  );

/** Rules that would let it pass at another time, from elsewhere, or with other parameters. */
const otherwise = (rules: readonly Rule[]): string | null => {
  const texts = rules
    .filter((rule) => rule.outcome !== 'deny' && rule.dynamic.length > 0)
    .slice(0, 3)
    .map((rule) => `Rule ${ruleText(rule.ref)} would, but only for ${dynamicText(rule)}.`);
  return texts.length > 0 ? texts.join(' ') : null;
};

/** `times mon, tue 09:00-17:00 UTC; sources 10.0.0.0/8`. */
export const dynamicText = (rule: Rule): string =>
  rule.dynamic.map((condition) => `${condition.name} ${condition.text}`).join('; ');

export const noRule = (context: RefusalContext, what: string, near: readonly Rule[]): Deny =>
  deny(
    'no-rule',
    sentences(
      `Refused: ${shown(what)} on ${context.target}. No rule allows it for you, and what no rule allows is refused.`,
      otherwise(near),
    ),
    sentences(context.guidance(), askText(context.target)),
  );

/** `what`: an effect of the command, for whoever reads `unknown-relation`; empty when none is known. */
export const opaque = (context: RefusalContext, why: string, near: readonly Rule[], what: string): Deny =>
  deny(
    'opaque',
    sentences(
      `Refused: ${what === '' ? 'a command' : shown(what)} on ${context.target} cannot be fully understood ` +
        `(${shown(why)}), and no rule allows that for you.`,
      otherwise(near),
    ),
    sentences('Say it in a plainer way, with names that the target knows.', context.guidance()),
  );

/** An effect that may give values of a masked field without it being known where. */
export interface Untraced {
  readonly effect: string;
  /** The mask's pattern. */
  readonly field: string;
  readonly mask: Mask;
}

export const untraced = (
  context: RefusalContext,
  { effect, field, mask }: Untraced,
  reason: string,
  near: readonly Rule[],
): Deny =>
  deny(
    'opaque',
    sentences(
      `Refused: ${shown(effect)} on ${context.target} may return ${field}, which policy ${mask.policy} masks, ` +
        `in a way that cannot be followed (${reason}), and no rule allows that for you.`,
      otherwise(near),
    ),
    sentences(
      'Ask for the columns themselves, by SELECT from tables and views: what is masked comes back masked.',
      askText(context.target),
    ),
  );

/** A masked field that an effect uses in another way than its mask lets it. */
export interface MaskedUse {
  readonly reason: 'masked-field-in-condition' | 'masked-field-derived';
  /** The mask's pattern. */
  readonly field: string;
  readonly mask: Mask;
  /** It would come to lie where the mask is not. */
  readonly unmasks: boolean;
}

const insteadOfCondition = (field: string, inConditions: ConditionTreatment): string =>
  inConditions === 'equality'
    ? `Use ${field} as a plain output, where it comes back masked, or ask whether it equals one value (WHERE field = value AND ...), ` +
      'and choose by other fields. '
    : `Use ${field} only as a plain output, where it comes back masked, and choose by other fields. `;

export const maskedField = (
  context: RefusalContext,
  what: string,
  { reason, field, mask, unmasks }: MaskedUse,
): Deny => {
  if (unmasks) return outOfMask(context, what, field, mask);
  return reason === 'masked-field-derived'
    ? derivedFromMasked(context, what, field, mask)
    : maskedFieldInCondition(context, what, field, mask);
};

const outOfMask = (context: RefusalContext, what: string, field: string, { policy }: Mask): Deny =>
  deny(
    'masked-field-in-condition',
    `Refused: ${shown(what)} on ${context.target} would take ${field} out of its mask. Policy ${policy} masks it by its name and place: ` +
      'renamed, moved, published, put in another order or handed to a trigger, its values would be seen.',
    `Leave ${field} as it is. If it must change, ask the people who run this gateway to do it, or for a mask with "inConditions: allow".`,
  );

const derivedFromMasked = (
  context: RefusalContext,
  what: string,
  field: string,
  { policy, derived }: Mask,
): Deny =>
  derived === 'refuse'
    ? deny(
        'masked-field-derived',
        `Refused: ${shown(what)} on ${context.target} returns what is computed from ${field}, which policy ${policy} masks.`,
        `Ask for ${field} as it is, where it comes back masked, and compute nothing from it.`,
      )
    : deny(
        'masked-field-derived',
        `Refused: ${shown(what)} on ${context.target} returns ${field} under another name, where the mask of policy ${policy} would not find it.`,
        `Ask for ${field} by its own name, where it comes back masked.`,
      );

const maskedFieldInCondition = (
  context: RefusalContext,
  what: string,
  field: string,
  { policy, inConditions }: Mask,
): Deny =>
  deny(
    'masked-field-in-condition',
    `Refused: ${shown(what)} on ${context.target} filters, joins, sorts, computes or looks up keys by ${field}, ` +
      `which policy ${policy} masks: that would reveal the values bit by bit.`,
    insteadOfCondition(field, inConditions) +
      'If you must choose by it, ask the people who run this gateway for a mask with "inConditions: allow".',
  );

export const noConnection = (where: string, guidance: string): Deny =>
  deny(
    'no-rule',
    `Refused: no rule lets a connection ${where} do anything now.`,
    sentences(guidance, 'To get access, ask the people who run this gateway, and quote this message.'),
  );

export const connectionDenied = (rule: DenyRule, where: string): Deny =>
  deny(
    'denied-by-rule',
    sentences(
      `Refused: the connection ${where}.`,
      rule.message === null
        ? `Rule ${ruleText(rule.ref)} denies it.`
        : `Rule ${ruleText(rule.ref)} denies it: ${ended(rule.message)}`,
    ),
    rule.hint === null ? 'Ask the people who run this gateway, and quote this message.' : ended(rule.hint),
    rule.ref,
  );
