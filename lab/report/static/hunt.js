"use strict";
// Stepping through the failing execution. The page is whole without it.
(() => {
  const steps = [...document.querySelectorAll(".lanes .step")];
  const stepper = document.querySelector(".stepper");
  if (!steps.length || !stepper) return;
  const said = stepper.querySelector("output");
  let at = -1;
  const show = (next) => {
    at = Math.max(0, Math.min(steps.length - 1, next));
    for (const each of document.querySelectorAll(".current")) {
      each.classList.remove("current");
      each.removeAttribute("aria-current");
    }
    const step = steps[at];
    step.classList.add("current");
    step.setAttribute("aria-current", "step");
    step.scrollIntoView({ block: "nearest" });
    const line = document.querySelector(`.code li[data-at="${CSS.escape(step.dataset.at)}"]`);
    if (line) line.classList.add("current");
    said.textContent = `Step ${at + 1} of ${steps.length}: ${step.dataset.said}`;
  };
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, summary")) return;
    if (event.key in moves) show(at + moves[event.key]);
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(steps.length - 1);
    else return;
    event.preventDefault();
  });
  stepper.querySelector("[data-move='-1']").addEventListener("click", () => show(at - 1));
  stepper.querySelector("[data-move='1']").addEventListener("click", () => show(at + 1));
  stepper.hidden = false;
})();
