/**
 * Compiles kernel.as.ts with AssemblyScript's own API. `npm run build:kernel` writes the modules
 * beside this file, where they are checked in; a test compiles them again and compares the bytes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as asc from 'assemblyscript/asc';

const source = 'kernel.as.ts';

export const kernelModules = [
  { file: 'kernel.wasm', features: ['simd'] },
  { file: 'kernel-relaxed.wasm', features: ['simd', 'relaxed-simd'] },
] as const;

/** The same source and compiler give the same bytes on every machine. */
export async function compileKernel(features: readonly string[]): Promise<Uint8Array> {
  const text = await readFile(join(import.meta.dirname, source), 'utf8');
  const written = new Map<string, Uint8Array | string>();
  const complaints: string[] = [];
  const options = ['--outFile', 'kernel.wasm', '-O3', '--noAssert', '--runtime', 'stub'];
  options.push('--importMemory', '--noExportMemory', '--initialMemory', '1');
  // A module refuses a memory that may grow past what it declares: 4096 pages are 256 MiB.
  options.push('--maximumMemory', '4096');
  for (const feature of features) options.push('--enable', feature);
  const { error } = await asc.main([source, ...options], {
    readFile: (name) => (name === source ? text : null),
    writeFile: (name, contents) => void written.set(name, contents),
    listFiles: () => [],
    stdout: { write: (chunk) => void complaints.push(String(chunk)) },
    stderr: { write: (chunk) => void complaints.push(String(chunk)) },
  });
  const bytes = written.get('kernel.wasm');
  if (error !== null || !(bytes instanceof Uint8Array)) {
    throw new Error(`the kernel does not compile: ${complaints.join('')}`, { cause: error });
  }
  return bytes;
}

if (import.meta.main) {
  for (const { file, features } of kernelModules) {
    await writeFile(join(import.meta.dirname, file), await compileKernel(features));
  }
}
