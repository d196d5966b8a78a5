// Every kernel has one signature: (args, tile, scratch). `args` is the address of the op's arguments, one 32-bit word
// each, which all threads read; `tile` is the piece of work; `scratch` is memory of the calling thread alone.

// @ts-ignore: decorator
@inline
export function word(args: usize, index: i32): i32 {
  return load<i32>(args + (index << 2));
}

// @ts-ignore: decorator
@inline
export function address(args: usize, index: i32): usize {
  return <usize>load<u32>(args + (index << 2));
}

// @ts-ignore: decorator
@inline
export function float(args: usize, index: i32): f32 {
  return load<f32>(args + (index << 2));
}
