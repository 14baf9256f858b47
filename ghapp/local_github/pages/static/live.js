// Every two seconds, fetch the parts of the page that change by themselves, except while somebody is typing in them.
"use strict";

for (const choice of document.querySelectorAll("select[data-submit]")) {
  choice.addEventListener("change", () => choice.form.submit());
}

const parts = () => [...document.querySelectorAll("[data-live]")];

function busy(part) {
  const open = part.querySelector("details.edit[open]");
  return open !== null || (part.contains(document.activeElement) && document.activeElement !== document.body);
}

// Keep each <details> open or closed as it was. If their number is the same, they are taken to be the same ones.
function replace(part, other) {
  const folds = [...part.querySelectorAll("details")].map((fold) => fold.open);
  const fresh = [...other.querySelectorAll("details")];
  if (fresh.length === folds.length) fresh.forEach((fold, index) => { fold.open = folds[index]; });
  if (part.innerHTML !== other.innerHTML) part.innerHTML = other.innerHTML;
}

async function refresh() {
  if (document.hidden || parts().length === 0) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts()) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (other !== null && !busy(part)) replace(part, other);
  }
}

setInterval(() => refresh().catch(() => {}), 2000);
