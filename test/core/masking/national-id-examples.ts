import {
  type NationalIdCountry,
  nationalIdCountries,
} from '../../../services/core/masking/detect/national-id-forms.ts';

/** Published examples and made-up numbers that pass, in each form; those that `national-id` finds, and those that only the country's does. */
export const nationalIdExamples: Readonly<
  Record<NationalIdCountry, { readonly strong: readonly string[]; readonly weak: readonly string[] }>
> = {
  be: { strong: ['85.07.30-033.28'], weak: ['85073003328'] },
  br: { strong: ['390.533.447-05'], weak: ['39053344705'] },
  ch: { strong: ['756.9217.0769.85', '7569217076985'], weak: [] },
  cn: { strong: ['11010519491231002X', '360426199101010071'], weak: [] },
  de: { strong: [], weak: ['36574261809', '36 574 261 809'] },
  es: { strong: ['X2482300W', 'X-2482300-W'], weak: ['54362315K', '54362315-K'] },
  fi: { strong: ['131052-308T', '131052+308T', '131052A308T'], weak: [] },
  fr: {
    strong: ['295117823456784', '2 95 11 78 234 567 84', '253072B07300470', '2 53 07 2B 073 004 70'],
    weak: [],
  },
  gb: { strong: [], weak: ['9434765870', '943 476 5870', 'AB123456C', 'AB 12 34 56 C'] },
  in: { strong: [], weak: ['234123412346', '2341 2341 2346', '2341-2341-2346'] },
  it: { strong: ['RSSMRA85T10A562S', 'RCCMNL83S18D969H'], weak: [] },
  kr: { strong: [], weak: ['971013-9019902'] },
  mx: { strong: ['BOXW310820HNERXN09'], weak: [] },
  nl: { strong: [], weak: ['111222333'] },
  pl: { strong: [], weak: ['44051401359'] },
  se: { strong: [], weak: ['880320-0016', '19880320-0016', '8803200016', '198803200016'] },
  za: { strong: [], weak: ['7503305044089'] },
};

/** By the detector that finds them. */
export const nationalIdTexts = Object.fromEntries(
  nationalIdCountries.map((country): [string, readonly string[]] => {
    const { strong, weak } = nationalIdExamples[country];
    return [`national-id-${country}`, [...strong, ...weak]];
  }),
) as Readonly<Record<`national-id-${NationalIdCountry}`, readonly string[]>>; // one entry for each country
