// Small things that every page needs: elements by their id, lines of text, copying and saving. All content is text.

export function element(id) {
  return document.getElementById(id);
}

/** An element that holds a text. */
export function span(text, className = "", tag = "span") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A line under a field or a result. */
export function remark(id, line, isBad = false) {
  if (element(id).textContent !== line) element(id).textContent = line; // a screen reader says what is set
  element(id).classList.toggle("bad", isBad);
}

/** JSON in the element `id`, its keys and values told apart. */
export function showJson(id, json) {
  const pieces = json.split(/^(\s*"(?:[^"\\]|\\.)*")(?=: )/m).flatMap((piece, index) => {
    if (index % 2) return [span(piece, "key")];
    return piece.split(/("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false)/).map((part, at) => span(part, at % 2 ? "value" : ""));
  });
  element(id).replaceChildren(...pieces.filter((piece) => piece.textContent));
}

/** Whether the browser let the page copy a text. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Ctrl and Enter press `start`, Escape presses `stop`, where they can be pressed. */
export function listenForKeys(start, stop) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element(start).click();
    if (event.key === "Escape" && !element(stop).hidden) element(stop).click();
  });
}
