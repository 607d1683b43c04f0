// What can go wrong, in words for the person at the page. Everything else is shown as it is.

/** A fault that the page explains; `kind` says which, and `more` is what the browser said. */
export class PageFault extends Error {
  constructor(kind, message, more = "") {
    super(message);
    this.kind = kind;
    this.more = more;
  }
}

const NO_MEMORY = /bad_alloc|out of memory|allocation failed|invalid array (buffer )?length|memory access out of bounds/i;
const GPU_LOST = /device (is|was) lost|device lost|GPUDevice.*destroyed|external Instance reference/i;

/** Any error as a PageFault. */
export function explain(error) {
  if (error instanceof PageFault) return error;
  const text = String(error?.message ?? error);
  if (NO_MEMORY.test(text)) return noMemory(text);
  if (GPU_LOST.test(text)) return gpuLost(text);
  return new PageFault("other", `Something went wrong: ${text.split("\n")[0]}`, text);
}

export function noMemory(more) {
  return new PageFault(
    "memory",
    "There is not enough memory for the model. Close other tabs and reload, or use a device with more memory.",
    more,
  );
}

export function gpuLost(more) {
  return new PageFault("gpu", "The graphics processor stopped working for this page. Reload it to go on.", more);
}

/** fetch, whose faults say which file it was. */
export async function fetchFile(url, options) {
  const name = decodeURIComponent(new URL(url, location.href).pathname).split("/").slice(-2).join("/").replace(/^\//, "");
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    const what = navigator.onLine ? "the server does not answer" : "this device is offline";
    throw new PageFault("offline", `${name} could not be loaded: ${what}. Check the connection and reload.`, error.message);
  }
  if (response.status === 404) {
    throw new PageFault("missing", `The file ${name} is missing on the server. Export the model again, or upload all files.`);
  }
  if (!response.ok) throw new PageFault("server", `The server refused ${name} (status ${response.status}). Try again later.`);
  return response;
}
