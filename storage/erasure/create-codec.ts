import type { Scheme } from '../../ring/policy.ts';
import type { Codec } from './codec.ts';
import { sharedKernel } from './kernel/kernel.ts';
import { createLrcCodec } from './lrc-codec.ts';
import { kernelMultiply, plainMultiply } from './multiplier.ts';
import { createKernelCodec } from './simd-codec.ts';
import type { Shape } from './units.ts';

/** The fastest codec that this engine runs. StoreError `invalid-argument`: beyond 16 + 6. */
export async function createCodec(scheme: Shape & Partial<Scheme>): Promise<Codec> {
  const kernel = await sharedKernel();
  if (scheme.kind === 'lrc') {
    return createLrcCodec(scheme.k, kernel === undefined ? plainMultiply : kernelMultiply(kernel));
  }
  if (kernel !== undefined) return createKernelCodec(scheme, kernel);
  // Loaded only where it is needed: engines without SIMD are rare.
  const { createCrateCodec } = await import('./crate-codec.ts');
  return createCrateCodec(scheme);
}
