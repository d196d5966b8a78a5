// The innermost blocks of a product: C [6 × 8 or 6 × 16] (+)= A [6 × depth] · B [depth × 8 or 16]; rows and steps along
// the depth in bytes; a row of B and of C lies together. Only `rows` ≤ 6 rows are stored; missing rows of A read the last
// one again. Each is two functions, one that sets and one that adds.
//
// 6 × 8 fills the 16 registers of 128 bits: 12 sums, 2 vectors of B, 1 element of A spread over a vector. 6 × 16 fills
// them where V8 joins two neighbours to one vector of 256 bits, and spills elsewhere. The loop is not unrolled: the
// compiler would nest the products of two steps, and with them the vectors of B that it has to hold.

// @ts-ignore: decorator
@inline
function product6x8(
  add: bool, depth: i32, a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, c: usize, cRow: usize,
): void {
  let a1 = rows > 1 ? a + aRow : a;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let a4 = rows > 4 ? a3 + aRow : a3;
  let a5 = rows > 5 ? a4 + aRow : a4;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (; depth > 0; depth--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = f32x4.relaxed_madd(x, b0, c00);
    c01 = f32x4.relaxed_madd(x, b1, c01);
    x = v128.load32_splat(a1);
    c10 = f32x4.relaxed_madd(x, b0, c10);
    c11 = f32x4.relaxed_madd(x, b1, c11);
    x = v128.load32_splat(a2);
    c20 = f32x4.relaxed_madd(x, b0, c20);
    c21 = f32x4.relaxed_madd(x, b1, c21);
    x = v128.load32_splat(a3);
    c30 = f32x4.relaxed_madd(x, b0, c30);
    c31 = f32x4.relaxed_madd(x, b1, c31);
    x = v128.load32_splat(a4);
    c40 = f32x4.relaxed_madd(x, b0, c40);
    c41 = f32x4.relaxed_madd(x, b1, c41);
    x = v128.load32_splat(a5);
    c50 = f32x4.relaxed_madd(x, b0, c50);
    c51 = f32x4.relaxed_madd(x, b1, c51);
    a += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    a4 += aStep;
    a5 += aStep;
    b += bStep;
  }
  if (add) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  if (rows > 1) {
    c += cRow;
    if (add) {
      c10 = f32x4.add(c10, v128.load(c));
      c11 = f32x4.add(c11, v128.load(c, 16));
    }
    v128.store(c, c10);
    v128.store(c, c11, 16);
  }
  if (rows > 2) {
    c += cRow;
    if (add) {
      c20 = f32x4.add(c20, v128.load(c));
      c21 = f32x4.add(c21, v128.load(c, 16));
    }
    v128.store(c, c20);
    v128.store(c, c21, 16);
  }
  if (rows > 3) {
    c += cRow;
    if (add) {
      c30 = f32x4.add(c30, v128.load(c));
      c31 = f32x4.add(c31, v128.load(c, 16));
    }
    v128.store(c, c30);
    v128.store(c, c31, 16);
  }
  if (rows > 4) {
    c += cRow;
    if (add) {
      c40 = f32x4.add(c40, v128.load(c));
      c41 = f32x4.add(c41, v128.load(c, 16));
    }
    v128.store(c, c40);
    v128.store(c, c41, 16);
  }
  if (rows > 5) {
    c += cRow;
    if (add) {
      c50 = f32x4.add(c50, v128.load(c));
      c51 = f32x4.add(c51, v128.load(c, 16));
    }
    v128.store(c, c50);
    v128.store(c, c51, 16);
  }
}

// @ts-ignore: decorator
@inline
function product6x16(
  add: bool, depth: i32, a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, c: usize, cRow: usize,
): void {
  let a1 = rows > 1 ? a + aRow : a;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let a4 = rows > 4 ? a3 + aRow : a3;
  let a5 = rows > 5 ? a4 + aRow : a4;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c13 = c00;
  let c20 = c00;
  let c21 = c00;
  let c22 = c00;
  let c23 = c00;
  let c30 = c00;
  let c31 = c00;
  let c32 = c00;
  let c33 = c00;
  let c40 = c00;
  let c41 = c00;
  let c42 = c00;
  let c43 = c00;
  let c50 = c00;
  let c51 = c00;
  let c52 = c00;
  let c53 = c00;
  for (; depth > 0; depth--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let x = v128.load32_splat(a);
    c00 = f32x4.relaxed_madd(x, b0, c00);
    c01 = f32x4.relaxed_madd(x, b1, c01);
    c02 = f32x4.relaxed_madd(x, b2, c02);
    c03 = f32x4.relaxed_madd(x, b3, c03);
    x = v128.load32_splat(a1);
    c10 = f32x4.relaxed_madd(x, b0, c10);
    c11 = f32x4.relaxed_madd(x, b1, c11);
    c12 = f32x4.relaxed_madd(x, b2, c12);
    c13 = f32x4.relaxed_madd(x, b3, c13);
    x = v128.load32_splat(a2);
    c20 = f32x4.relaxed_madd(x, b0, c20);
    c21 = f32x4.relaxed_madd(x, b1, c21);
    c22 = f32x4.relaxed_madd(x, b2, c22);
    c23 = f32x4.relaxed_madd(x, b3, c23);
    x = v128.load32_splat(a3);
    c30 = f32x4.relaxed_madd(x, b0, c30);
    c31 = f32x4.relaxed_madd(x, b1, c31);
    c32 = f32x4.relaxed_madd(x, b2, c32);
    c33 = f32x4.relaxed_madd(x, b3, c33);
    x = v128.load32_splat(a4);
    c40 = f32x4.relaxed_madd(x, b0, c40);
    c41 = f32x4.relaxed_madd(x, b1, c41);
    c42 = f32x4.relaxed_madd(x, b2, c42);
    c43 = f32x4.relaxed_madd(x, b3, c43);
    x = v128.load32_splat(a5);
    c50 = f32x4.relaxed_madd(x, b0, c50);
    c51 = f32x4.relaxed_madd(x, b1, c51);
    c52 = f32x4.relaxed_madd(x, b2, c52);
    c53 = f32x4.relaxed_madd(x, b3, c53);
    a += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    a4 += aStep;
    a5 += aStep;
    b += bStep;
  }
  if (add) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
    c02 = f32x4.add(c02, v128.load(c, 32));
    c03 = f32x4.add(c03, v128.load(c, 48));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  if (rows > 1) {
    c += cRow;
    if (add) {
      c10 = f32x4.add(c10, v128.load(c));
      c11 = f32x4.add(c11, v128.load(c, 16));
      c12 = f32x4.add(c12, v128.load(c, 32));
      c13 = f32x4.add(c13, v128.load(c, 48));
    }
    v128.store(c, c10);
    v128.store(c, c11, 16);
    v128.store(c, c12, 32);
    v128.store(c, c13, 48);
  }
  if (rows > 2) {
    c += cRow;
    if (add) {
      c20 = f32x4.add(c20, v128.load(c));
      c21 = f32x4.add(c21, v128.load(c, 16));
      c22 = f32x4.add(c22, v128.load(c, 32));
      c23 = f32x4.add(c23, v128.load(c, 48));
    }
    v128.store(c, c20);
    v128.store(c, c21, 16);
    v128.store(c, c22, 32);
    v128.store(c, c23, 48);
  }
  if (rows > 3) {
    c += cRow;
    if (add) {
      c30 = f32x4.add(c30, v128.load(c));
      c31 = f32x4.add(c31, v128.load(c, 16));
      c32 = f32x4.add(c32, v128.load(c, 32));
      c33 = f32x4.add(c33, v128.load(c, 48));
    }
    v128.store(c, c30);
    v128.store(c, c31, 16);
    v128.store(c, c32, 32);
    v128.store(c, c33, 48);
  }
  if (rows > 4) {
    c += cRow;
    if (add) {
      c40 = f32x4.add(c40, v128.load(c));
      c41 = f32x4.add(c41, v128.load(c, 16));
      c42 = f32x4.add(c42, v128.load(c, 32));
      c43 = f32x4.add(c43, v128.load(c, 48));
    }
    v128.store(c, c40);
    v128.store(c, c41, 16);
    v128.store(c, c42, 32);
    v128.store(c, c43, 48);
  }
  if (rows > 5) {
    c += cRow;
    if (add) {
      c50 = f32x4.add(c50, v128.load(c));
      c51 = f32x4.add(c51, v128.load(c, 16));
      c52 = f32x4.add(c52, v128.load(c, 32));
      c53 = f32x4.add(c53, v128.load(c, 48));
    }
    v128.store(c, c50);
    v128.store(c, c51, 16);
    v128.store(c, c52, 32);
    v128.store(c, c53, 48);
  }
}

export function product6x8Set(
  depth: i32, a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, c: usize, cRow: usize,
): void {
  product6x8(false, depth, a, aRow, aStep, rows, b, bStep, c, cRow);
}

export function product6x8Add(
  depth: i32, a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, c: usize, cRow: usize,
): void {
  product6x8(true, depth, a, aRow, aStep, rows, b, bStep, c, cRow);
}

export function product6x16Set(
  depth: i32, a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, c: usize, cRow: usize,
): void {
  product6x16(false, depth, a, aRow, aStep, rows, b, bStep, c, cRow);
}

export function product6x16Add(
  depth: i32, a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, c: usize, cRow: usize,
): void {
  product6x16(true, depth, a, aRow, aStep, rows, b, bStep, c, cRow);
}
