import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileKernel, kernelModules } from '../../../../../storage/erasure/kernel/build.ts';

const folder = join(import.meta.dirname, '../../../../../storage/erasure/kernel');

describe('the checked-in kernel', () => {
  for (const { file, features } of kernelModules) {
    it(`${file} is what the source compiles to`, async () => {
      const checkedIn = await readFile(join(folder, file));
      const compiled = await compileKernel(features);
      expect(checkedIn.equals(compiled), 'run: npm run build:kernel').toBe(true);
    });
  }
});
