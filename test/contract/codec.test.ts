import { invariant } from '../../base/invariant.ts';
import { createCrateCodec } from '../../storage/erasure/crate-codec.ts';
import { createCodec } from '../../storage/erasure/create-codec.ts';
import { loadKernelModule } from '../../storage/erasure/kernel/kernel.ts';
import { createKernelCodec } from '../../storage/erasure/simd-codec.ts';
import { codecContract, type MakeCodec } from './codec-contract.ts';

function simd(file: string): MakeCodec {
  const loaded = loadKernelModule(file);
  return async (shape) => {
    const kernel = await loaded;
    invariant(kernel !== undefined, 'the pinned runtime has SIMD, plain and relaxed');
    return createKernelCodec(shape, kernel);
  };
}

codecContract('our kernel, relaxed SIMD', simd('kernel-relaxed.wasm'));
codecContract('our kernel, plain SIMD', simd('kernel.wasm'));
codecContract('the crate', createCrateCodec);
codecContract('what createCodec picks', createCodec);
