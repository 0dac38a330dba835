// Copies code, the link of the page, or evidence as Markdown.
import { addressAt } from "./format.js";
import { moment } from "./live.js";
import { answer } from "./say.js";

async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const dialog = document.getElementById("copy");
    const area = document.getElementById("copy-text");
    area.value = text;
    dialog.showModal();
    area.select();
    return false;
  }
}

/** With the moment in it, so that a colleague sees the same; what is frozen has it already. */
function link(isMoving) {
  return addressAt(isMoving && !("frozen" in document.documentElement.dataset) && Math.ceil(moment()));
}

async function textOf(control) {
  if ("copy" in control.dataset) return control.parentElement.querySelector("pre").textContent;
  if ("copyLink" in control.dataset) return link(control.dataset.copyLink === "at");
  const reply = await fetch(control.href);
  if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
  return reply.text();
}

async function run(control) {
  try {
    if (!(await put(await textOf(control)))) return;
    answer("Copied.");
    control.classList.add("done");
    const label = control.querySelector("use");
    label.setAttribute("href", "#i-ok");
    setTimeout(() => label.setAttribute("href", "copyLink" in control.dataset ? "#i-link" : "#i-copy"), 1500);
  } catch (error) {
    answer(`Could not copy: ${error.message}.`);
  }
}

export function start() {
  document.addEventListener("click", (event) => {
    const control = event.target.closest?.("[data-copy], [data-copy-link], [data-copy-from]");
    if (!control) return;
    event.preventDefault();
    run(control);
  });
}
