/**
 * The annual probability that a group of devices loses bytes, by scheme and repair time: a birth-death chain whose state is
 * how many of the k + m are lost; losses are independent, repairs run side by side. `node bench/durability.ts [AFR] [HOURS...]`
 */
import { parseScheme, tolerance } from '../ring/policy.ts';

const schemes = ['replica:3', 'ec:4+2', 'lrc:8+2+2', 'ec:8+4'];
const hoursPerYear = 8760;

/** Mean time from whole to lost is so long against a year that its inverse is the probability. */
function annualLoss(width: number, tolerated: number, afr: number, repairHours: number): number {
  const failures = -Math.log(1 - afr);
  const repairs = hoursPerYear / repairHours;
  let onward = 0;
  let years = 0;
  for (let lost = 0; lost <= tolerated; lost++) {
    const up = (width - lost) * failures;
    onward = 1 / up + ((lost * repairs) / up) * onward;
    years += onward;
  }
  return 1 / years;
}

const [afr = '0.015', ...hours] = process.argv.slice(2);
for (const text of schemes) {
  const scheme = parseScheme(text);
  const width = scheme.k + scheme.m;
  for (const repair of hours.length === 0 ? ['1', '6', '24', '50', '156'] : hours) {
    const loss = annualLoss(width, tolerance(scheme), Number(afr), Number(repair));
    const line = { scheme: text, afr: Number(afr), repairHours: Number(repair), annualLoss: loss };
    process.stdout.write(`${JSON.stringify({ ...line, nines: -Math.log10(loss) })}\n`);
  }
}
