// On which device, in which precision, and what to try when one fails.

/** What the browser offers: {gpu, f16, subgroups}. */
export async function capabilities() {
  const none = { gpu: false, f16: false, subgroups: false };
  if (!navigator.gpu) return none;
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) return none;
  return { gpu: true, f16: adapter.features.has("shader-f16"), subgroups: adapter.features.has("subgroups") };
}

/**
 * The attempts in their order, [{device, dtype, subgroups, parts}]. `allowed` names the precisions of each device, the
 * best first. `unpacked` names those that have a graph for WebAssembly, which is fast and takes much memory, with the
 * files of its weights (`parts`). `only` is "webgpu" or "wasm" where the address asks for one of them.
 */
export function attempts(able, { allowed, unpacked = {} }, only) {
  const gpu = able.gpu && only !== "wasm" ? (allowed.webgpu ?? []) : [];
  const cpu = only === "webgpu" ? [] : (allowed.wasm ?? []);
  return [
    ...gpu
      .filter((dtype) => able.f16 || !dtype.includes("f16"))
      .flatMap((dtype) => (able.subgroups ? [true, false] : [false]).map((subgroups) => ({ device: "webgpu", dtype, subgroups }))),
    ...cpu.filter((dtype) => unpacked[dtype]).map((dtype) => ({ device: "wasm", dtype, parts: unpacked[dtype] })),
    ...cpu.map((dtype) => ({ device: "wasm", dtype })),
  ];
}

/** A device in words. */
export function deviceName({ device, dtype }, threads) {
  if (device === "webgpu") return `the graphics processor (WebGPU, ${dtype})`;
  return `the processor (WebAssembly, ${dtype}, ${threads} thread${threads === 1 ? "" : "s"})`;
}
