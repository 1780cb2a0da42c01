/** Check digits. Numbers are texts of digits, since leading zeros count. */

export const digitsOf = (text: string): readonly number[] => Array.from(text, Number);

/** The sum of digits by their weights; digits beyond the last weight do not count. */
export const weighed = (digits: readonly number[], weights: readonly number[]): number =>
  weights.reduce((sum, weight, index) => sum + weight * (digits[index] ?? 0), 0);

/** ISO/IEC 7812-1 annex B. */
export function passesLuhn(number: string): boolean {
  const sum = digitsOf(number).reduceRight((total, digit, index) => {
    const weight = (number.length - index) % 2 === 0 ? digit * 2 : digit;
    return total + (weight > 9 ? weight - 9 : weight);
  }, 0);
  return sum % 10 === 0;
}

/** J. Verhoeff, Error Detecting Decimal Codes (1969): the products of the dihedral group of ten, and a permutation for each place. */
const products = [
  ...['0123456789', '1234067895', '2340178956', '3401289567', '4012395678'],
  ...['5987604321', '6598710432', '7659821043', '8765932104', '9876543210'],
].map(digitsOf);
const permutations = [
  ...['0123456789', '1576283094', '5803796142', '8916043527'],
  ...['9453126870', '4286573901', '2793806415', '7046913258'],
].map(digitsOf);

export function passesVerhoeff(number: string): boolean {
  const check = digitsOf(number)
    .toReversed()
    .reduce((product, digit, place) => products[product]?.[permutations[place % 8]?.[digit] ?? 0] ?? 0, 0);
  return check === 0;
}

/** ISO/IEC 7064 MOD 11,10. */
export function mod11And10(number: string): boolean {
  let product = 10;
  for (const digit of digitsOf(number.slice(0, -1))) {
    const sum = (product + digit) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return (product + Number(number.at(-1))) % 10 === 1;
}

/** Whether a month has such a day in some year. */
export function isDayOfMonth(month: number, day: number): boolean {
  const days = month === 2 ? 29 : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && month <= 12 && day >= 1 && day <= days;
}
