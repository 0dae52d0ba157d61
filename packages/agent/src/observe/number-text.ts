/** Powers of ten from here on are written with an exponent, and powers below the other. */
const EXPONENT_FROM = 6;
const EXPONENT_BELOW = -4;

/**
 * The shortest digits that give the number back, with an exponent of at least two digits where the number is a million
 * or more, or less than 0.0001. Source: recorded answers (`1.9455512e+07`, `174694`).
 */
export function numberText(n: number): string {
  if (Number.isNaN(n)) return 'NaN';
  if (!Number.isFinite(n)) return n > 0 ? '+Inf' : '-Inf';
  const [digits = '0', exponent = '0'] = n.toExponential().split('e');
  const power = Number(exponent);
  if (power >= EXPONENT_BELOW && power < EXPONENT_FROM) return String(n);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** The shortest digits that give the number back, never with an exponent: `0.0000001`, `2208582144`. */
export function plainNumberText(n: number): string {
  const text = String(n);
  if (!text.includes('e')) return text;
  const [digits = '0', exponent = '0'] = text.split('e');
  const sign = n < 0 ? '-' : '';
  const [whole = '0', fraction = ''] = digits.replace('-', '').split('.');
  const power = Number(exponent);
  if (power < 0) return `${sign}0.${'0'.repeat(-power - whole.length)}${whole}${fraction}`;
  return `${sign}${whole}${fraction.padEnd(power, '0')}`;
}
