import type { Codec } from './codec.ts';
import { sharedKernel } from './kernel/kernel.ts';
import { createKernelCodec } from './simd-codec.ts';
import type { Shape } from './units.ts';

/** The fastest codec that this engine runs. StoreError `invalid-argument`: beyond 16 + 6. */
export async function createCodec(shape: Shape): Promise<Codec> {
  const kernel = await sharedKernel();
  if (kernel !== undefined) return createKernelCodec(shape, kernel);
  // Loaded only where it is needed: engines without SIMD are rare.
  const { createCrateCodec } = await import('./crate-codec.ts');
  return createCrateCodec(shape);
}
