import { describe, expect, it } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import { bunzip2 } from '../../../../server/swift/extract/bunzip2.ts';
import { ManualClock, seededRandom } from '../../../memory/ports.ts';

/** Made by Python's bz2, that is by libbzip2. */
const samples: readonly (readonly [name: string, packed: string, plain: string])[] = [
  ['nothing', 'QlpoORdyRThQkAAAAAA=', ''],
  ['a byte', 'QlpoOTFBWSZTWRmTm2sAAAABACAAIAAhGEaC7kinChIDMnNtYA==', 'a'],
  [
    'runs around the borders of their counts',
    'QlpoOTFBWSZTWZfTEyAAAAPBAeAAPwAAgAAIIAAhtUYTyhADCszYNpGk0bPTpCr6RZEtv4u5IpwoSEvpiZAA',
    [1000, 4, 5, 259, 260, 3].map((count, i) => 'abcdef'.charAt(i).repeat(count)).join(''),
  ],
  [
    'every byte',
    'QlpoOTFBWSZTWe3ga8wAAAF/////////////////////////////////////////////sAFgAS//9VVQJgJgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACTAATAAEwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAASYACYAAmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAH9QFAkDQRBX/IMg6EIShSFoY/9DUOQ9EERRJE0URVFkXRhGUaRtHEdR5H0gSFIkjSRJUmSdKEpSpK0sS1LkvTBMUyTNNE1TZN04TlOk7TxPU+T9QFBUJQ1EUVRlHUhSVKUtTFNU5T1QVFUlTVRVVWVdWFZVpW1cV1XlfWBYViWNZFlWZZ1oWlalrWxbVuW9cFxXJc10XVdl3XheV6XtfF9X5f2AYFgmDYRhWGYdiGJYpi2MY1jmPZBkWSZNlGVZZl2YZlmmbZxnWeZ9oGhaJo2kaVpmnahqWqatrGta5r2wbFsmzbRtW2bduG5bpu28b1vm/cBwXCcNxHFcZx3IclynLcxzXOc90HRdJ03UdV1nXdh2Xadt3Hdd533geF4njeR5Xmed6Hpep63se17nvfB8XyfN9H1fZ934fl+n7fx/X+F3JFOFCQ7eBrzAA==',
    Array.from({ length: 768 }, (_, i) => String.fromCharCode(i % 256)).join(''),
  ],
];

/** 300 MiB of zeros in 242 bytes. */
const manyZeros =
  'QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZDgni3wFfjkAAwAAACCAAMIBNRkKgJakKgJcxQVkmU1kOCeLfAV+OQADAAAAIIAAwgE1GQqAlqQqAlzFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZDgni3wFfjkAAwAAACCAAMIBNRkKgJakKgJcxQVkmU1kOCeLfAV+OQADAAAAIIAAwgE1GQqAlqQqAlzFBWSZTWaJ1bucBLBJABMAAAAEACCAAMMwFKaYiBSNiRApHi7kinChIKup7h4A=';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function expand(bytes: Uint8Array, size = 1000): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bunzip2(pieces(bytes, size), new ManualClock())) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

const bytesOf = (packed: string): Buffer => Buffer.from(packed, 'base64');

describe('bunzip2', () => {
  it('gives what was packed, however it comes', async () => {
    for (const [name, packed, plain] of samples) {
      for (const size of [1, 3, 1000]) {
        expect([name, await expand(bytesOf(packed), size)]).toEqual([name, plain]);
      }
    }
    const several = Buffer.concat(samples.map(([, packed]) => bytesOf(packed)));
    expect(await expand(several)).toBe(samples.map(([, , plain]) => plain).join(''));
  });

  it('expands runs only as far as somebody takes them', async () => {
    let bytes = 0;
    for await (const chunk of bunzip2(pieces(bytesOf(manyZeros), 100), new ManualClock())) {
      expect(chunk.length).toBeLessThanOrEqual(65_536);
      bytes += chunk.length;
      if (bytes > 1_000_000) break;
    }
    expect(bytes).toBeGreaterThan(1_000_000);
  });

  it('refuses whatever else comes, and gives no byte of a block that was changed but it says so', async () => {
    const random = seededRandom('bzip2');
    for (const [, packed, plain] of samples.slice(1)) {
      const whole = bytesOf(packed);
      for (let i = 0; i < 60; i++) {
        const [at = 0, high = 0, bit = 0] = random.bytes(3);
        const changed = Buffer.from(whole);
        const place = (at * 256 + high) % changed.length;
        changed[place] = (changed[place] ?? 0) ^ (1 << (bit & 7));
        const result = await expand(changed).catch((error: unknown) => error);
        if (result === plain) continue;
        expect(isStoreError(result, 'invalid-argument')).toBe(true);
        const short = await expand(whole.subarray(0, place)).catch((error: unknown) => error);
        expect(isStoreError(short, 'invalid-argument')).toBe(true);
      }
    }
  });
});
