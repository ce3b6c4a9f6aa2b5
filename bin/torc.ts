import { isStoreError } from '../base/errors.ts';
import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  if (!isStoreError(error)) throw error;
  process.stderr.write(`torc: ${error.message}\n`);
  process.exitCode = 1;
}
