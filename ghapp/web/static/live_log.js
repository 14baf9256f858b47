"use strict";
// Appends a run's log as it grows. When the run is completed, reloads the page, which then has the report.
const log = document.getElementById("log");
const state = document.getElementById("log-state");
const parts = new Map();
for (const details of log.querySelectorAll("details")) {
  parts.set(details.dataset.part, details.querySelector("pre"));
}

function preOf(part) {
  if (!parts.has(part)) {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    const pre = document.createElement("pre");
    details.className = "log";
    details.open = true;
    summary.textContent = part;
    details.append(summary, pre);
    log.append(details);
    parts.set(part, pre);
  }
  return parts.get(part);
}

const source = new EventSource(log.dataset.live);
source.addEventListener("open", () => { state.textContent = "Live."; });
source.addEventListener("error", () => { state.textContent = "Connection lost. Reconnecting…"; });
source.addEventListener("log", (event) => {
  const { part, text } = JSON.parse(event.data);
  const pre = preOf(part);
  const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 4;
  pre.append(text + "\n");
  if (atEnd) { pre.scrollTop = pre.scrollHeight; }
});
source.addEventListener("end", () => { source.close(); location.reload(); });
