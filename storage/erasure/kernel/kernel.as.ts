// AssemblyScript, compiled by build.ts to kernel.wasm and, with relaxed SIMD, kernel-relaxed.wasm.
//
// codeR multiplies an R x k matrix over GF(2^8) by k inputs and stores R outputs, in one pass over
// the inputs: every output lane stays in a register until it is complete. A product by a constant
// is two look-ups in 16-byte tables, one for each half of a byte, because multiplication
// distributes over XOR (Plank, Greenan, Miller: "Screaming Fast Galois Field Arithmetic", FAST'13).
//
// Memory, all of it given by the caller:
//   tables  16 bytes of 0x0f, then 32 bytes (low nibbles, high nibbles) for each output of the
//           first input, for each output of the second, and so on: as the loops read them
//   from    input i at from + i * stride
//   to      output r at to + r * stride
//   length  bytes of each input, rounded up here to whole rounds (64 bytes at most): slots are
//           padded by the caller
//
// The mask 0x0f is read from memory because V8 builds a constant anew wherever it is used; held
// in a register it took 4+2 from 9 to 14 GB/s.

// Indexes are always below 16 here, where both instructions agree on every machine; the relaxed
// one spares x64 an addition that makes larger indexes answer 0.
// @ts-ignore: decorator
@inline function look(table: v128, index: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD
    ? i8x16.relaxed_swizzle(table, index)
    : i8x16.swizzle(table, index);
}

// @ts-ignore: decorator
@inline function low(bytes: v128, mask: v128): v128 {
  return v128.and(bytes, mask);
}

// @ts-ignore: decorator
@inline function high(bytes: v128, mask: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), mask);
}

// @ts-ignore: decorator
@inline function zero(): v128 {
  return i64x2(0, 0);
}

// 4+2, the default policy, has a function of its own. Its parity rows are 27 28 18 20 and 28 27 20 18.
// With u = x0 + x1, w = u + x2 + x3, t = x1 + x3 (sums are XOR) they come to
//   18 w + 9 u + 6 t + x1   and   the first + 6 w + u:
// four products instead of eight, by three constants whose tables stay in registers. One and a
// half times as fast as code2 (measured); two or four of its rounds in one were no faster.
// Tables: the mask, then low and high of 18, 9 and 6.

export function code4x2(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const low18 = v128.load(tables, 16), high18 = v128.load(tables, 32);
  const low9 = v128.load(tables, 48), high9 = v128.load(tables, 64);
  const low6 = v128.load(tables, 80), high6 = v128.load(tables, 96);
  const from1 = from + stride, from2 = from1 + stride, from3 = from2 + stride;
  const to1 = to + stride;
  for (let at: usize = 0; at < length; at += 16) {
    const x1 = v128.load(from1 + at);
    const x3 = v128.load(from3 + at);
    const u = v128.xor(v128.load(from + at), x1);
    const w = v128.xor(u, v128.xor(v128.load(from2 + at), x3));
    const t = v128.xor(x1, x3);
    const lw = low(w, mask), hw = high(w, mask);
    const lu = low(u, mask), hu = high(u, mask);
    const lt = low(t, mask), ht = high(t, mask);
    let a = v128.xor(v128.xor(look(low18, lw), look(high18, hw)), x1);
    a = v128.xor(a, v128.xor(look(low9, lu), look(high9, hu)));
    a = v128.xor(a, v128.xor(look(low6, lt), look(high6, ht)));
    v128.store(to + at, a);
    a = v128.xor(v128.xor(a, u), v128.xor(look(low6, lw), look(high6, hw)));
    v128.store(to1 + at, a);
  }
}

// Bytes a round: as many as the sixteen registers of x64 hold without spilling (measured).

export function code1(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const first = tables + 16;
  for (let end = to + length; to < end; to += 64, from += 64) {
    let a0 = zero(), a1 = zero(), a2 = zero(), a3 = zero();
    let table = first;
    let at = from;
    for (const last = from + k * stride; at < last; table += 32, at += stride) {
      const v0 = v128.load(at), l0 = low(v0, mask), h0 = high(v0, mask);
      const v1 = v128.load(at, 16), l1 = low(v1, mask), h1 = high(v1, mask);
      const v2 = v128.load(at, 32), l2 = low(v2, mask), h2 = high(v2, mask);
      const v3 = v128.load(at, 48), l3 = low(v3, mask), h3 = high(v3, mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, look(t, l0));
      a1 = v128.xor(a1, look(t, l1));
      a2 = v128.xor(a2, look(t, l2));
      a3 = v128.xor(a3, look(t, l3));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, look(t, h0));
      a1 = v128.xor(a1, look(t, h1));
      a2 = v128.xor(a2, look(t, h2));
      a3 = v128.xor(a3, look(t, h3));
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to, a2, 32);
    v128.store(to, a3, 48);
  }
}

export function code2(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const first = tables + 16;
  for (let end = to + length; to < end; to += 32, from += 32) {
    let a0 = zero(), a1 = zero();
    let b0 = zero(), b1 = zero();
    let table = first;
    let at = from;
    for (const last = from + k * stride; at < last; table += 64, at += stride) {
      const v0 = v128.load(at), l0 = low(v0, mask), h0 = high(v0, mask);
      const v1 = v128.load(at, 16), l1 = low(v1, mask), h1 = high(v1, mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, look(t, l0));
      a1 = v128.xor(a1, look(t, l1));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, look(t, h0));
      a1 = v128.xor(a1, look(t, h1));
      t = v128.load(table, 32);
      b0 = v128.xor(b0, look(t, l0));
      b1 = v128.xor(b1, look(t, l1));
      t = v128.load(table, 48);
      b0 = v128.xor(b0, look(t, h0));
      b1 = v128.xor(b1, look(t, h1));
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to + stride, b0);
    v128.store(to + stride, b1, 16);
  }
}

export function code3(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const first = tables + 16;
  for (let end = to + length; to < end; to += 32, from += 32) {
    let a0 = zero(), a1 = zero();
    let b0 = zero(), b1 = zero();
    let c0 = zero(), c1 = zero();
    let table = first;
    let at = from;
    for (const last = from + k * stride; at < last; table += 96, at += stride) {
      const v0 = v128.load(at), l0 = low(v0, mask), h0 = high(v0, mask);
      const v1 = v128.load(at, 16), l1 = low(v1, mask), h1 = high(v1, mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, look(t, l0));
      a1 = v128.xor(a1, look(t, l1));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, look(t, h0));
      a1 = v128.xor(a1, look(t, h1));
      t = v128.load(table, 32);
      b0 = v128.xor(b0, look(t, l0));
      b1 = v128.xor(b1, look(t, l1));
      t = v128.load(table, 48);
      b0 = v128.xor(b0, look(t, h0));
      b1 = v128.xor(b1, look(t, h1));
      t = v128.load(table, 64);
      c0 = v128.xor(c0, look(t, l0));
      c1 = v128.xor(c1, look(t, l1));
      t = v128.load(table, 80);
      c0 = v128.xor(c0, look(t, h0));
      c1 = v128.xor(c1, look(t, h1));
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to + stride, b0);
    v128.store(to + stride, b1, 16);
    v128.store(to + 2 * stride, c0);
    v128.store(to + 2 * stride, c1, 16);
  }
}

export function code4(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const first = tables + 16;
  for (let end = to + length; to < end; to += 32, from += 32) {
    let a0 = zero(), a1 = zero();
    let b0 = zero(), b1 = zero();
    let c0 = zero(), c1 = zero();
    let d0 = zero(), d1 = zero();
    let table = first;
    let at = from;
    for (const last = from + k * stride; at < last; table += 128, at += stride) {
      const v0 = v128.load(at), l0 = low(v0, mask), h0 = high(v0, mask);
      const v1 = v128.load(at, 16), l1 = low(v1, mask), h1 = high(v1, mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, look(t, l0));
      a1 = v128.xor(a1, look(t, l1));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, look(t, h0));
      a1 = v128.xor(a1, look(t, h1));
      t = v128.load(table, 32);
      b0 = v128.xor(b0, look(t, l0));
      b1 = v128.xor(b1, look(t, l1));
      t = v128.load(table, 48);
      b0 = v128.xor(b0, look(t, h0));
      b1 = v128.xor(b1, look(t, h1));
      t = v128.load(table, 64);
      c0 = v128.xor(c0, look(t, l0));
      c1 = v128.xor(c1, look(t, l1));
      t = v128.load(table, 80);
      c0 = v128.xor(c0, look(t, h0));
      c1 = v128.xor(c1, look(t, h1));
      t = v128.load(table, 96);
      d0 = v128.xor(d0, look(t, l0));
      d1 = v128.xor(d1, look(t, l1));
      t = v128.load(table, 112);
      d0 = v128.xor(d0, look(t, h0));
      d1 = v128.xor(d1, look(t, h1));
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to + stride, b0);
    v128.store(to + stride, b1, 16);
    v128.store(to + 2 * stride, c0);
    v128.store(to + 2 * stride, c1, 16);
    v128.store(to + 3 * stride, d0);
    v128.store(to + 3 * stride, d1, 16);
  }
}

export function code5(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const first = tables + 16;
  for (let end = to + length; to < end; to += 32, from += 32) {
    let a0 = zero(), a1 = zero();
    let b0 = zero(), b1 = zero();
    let c0 = zero(), c1 = zero();
    let d0 = zero(), d1 = zero();
    let e0 = zero(), e1 = zero();
    let table = first;
    let at = from;
    for (const last = from + k * stride; at < last; table += 160, at += stride) {
      const v0 = v128.load(at), l0 = low(v0, mask), h0 = high(v0, mask);
      const v1 = v128.load(at, 16), l1 = low(v1, mask), h1 = high(v1, mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, look(t, l0));
      a1 = v128.xor(a1, look(t, l1));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, look(t, h0));
      a1 = v128.xor(a1, look(t, h1));
      t = v128.load(table, 32);
      b0 = v128.xor(b0, look(t, l0));
      b1 = v128.xor(b1, look(t, l1));
      t = v128.load(table, 48);
      b0 = v128.xor(b0, look(t, h0));
      b1 = v128.xor(b1, look(t, h1));
      t = v128.load(table, 64);
      c0 = v128.xor(c0, look(t, l0));
      c1 = v128.xor(c1, look(t, l1));
      t = v128.load(table, 80);
      c0 = v128.xor(c0, look(t, h0));
      c1 = v128.xor(c1, look(t, h1));
      t = v128.load(table, 96);
      d0 = v128.xor(d0, look(t, l0));
      d1 = v128.xor(d1, look(t, l1));
      t = v128.load(table, 112);
      d0 = v128.xor(d0, look(t, h0));
      d1 = v128.xor(d1, look(t, h1));
      t = v128.load(table, 128);
      e0 = v128.xor(e0, look(t, l0));
      e1 = v128.xor(e1, look(t, l1));
      t = v128.load(table, 144);
      e0 = v128.xor(e0, look(t, h0));
      e1 = v128.xor(e1, look(t, h1));
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to + stride, b0);
    v128.store(to + stride, b1, 16);
    v128.store(to + 2 * stride, c0);
    v128.store(to + 2 * stride, c1, 16);
    v128.store(to + 3 * stride, d0);
    v128.store(to + 3 * stride, d1, 16);
    v128.store(to + 4 * stride, e0);
    v128.store(to + 4 * stride, e1, 16);
  }
}

export function code6(
  tables: usize, from: usize, k: usize, to: usize, stride: usize, length: usize,
): void {
  const mask = v128.load(tables);
  const first = tables + 16;
  for (let end = to + length; to < end; to += 16, from += 16) {
    let a0 = zero();
    let b0 = zero();
    let c0 = zero();
    let d0 = zero();
    let e0 = zero();
    let f0 = zero();
    let table = first;
    let at = from;
    for (const last = from + k * stride; at < last; table += 192, at += stride) {
      const v0 = v128.load(at), l0 = low(v0, mask), h0 = high(v0, mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, look(t, l0));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, look(t, h0));
      t = v128.load(table, 32);
      b0 = v128.xor(b0, look(t, l0));
      t = v128.load(table, 48);
      b0 = v128.xor(b0, look(t, h0));
      t = v128.load(table, 64);
      c0 = v128.xor(c0, look(t, l0));
      t = v128.load(table, 80);
      c0 = v128.xor(c0, look(t, h0));
      t = v128.load(table, 96);
      d0 = v128.xor(d0, look(t, l0));
      t = v128.load(table, 112);
      d0 = v128.xor(d0, look(t, h0));
      t = v128.load(table, 128);
      e0 = v128.xor(e0, look(t, l0));
      t = v128.load(table, 144);
      e0 = v128.xor(e0, look(t, h0));
      t = v128.load(table, 160);
      f0 = v128.xor(f0, look(t, l0));
      t = v128.load(table, 176);
      f0 = v128.xor(f0, look(t, h0));
    }
    v128.store(to, a0);
    v128.store(to + stride, b0);
    v128.store(to + 2 * stride, c0);
    v128.store(to + 3 * stride, d0);
    v128.store(to + 4 * stride, e0);
    v128.store(to + 5 * stride, f0);
  }
}
