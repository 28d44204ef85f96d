// Counts the characters of fields that have a limit, as the server counts them. What is seen follows
// every key; what is read aloud waits for a rest, and speaks near the limit and beyond it alone.

const status = document.getElementById("counter-status");
const REST = 1000;
const NEAR = 0.9;
const numbers = new Intl.NumberFormat(document.documentElement.lang);
let rest;

const say = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => numbers.format(values[name]));

function inWords({ used, limit }) {
  if (used > limit) return say(status.dataset.over, { over: used - limit });
  return say(status.dataset.used, { used, limit });
}

function count(field) {
  const used = [...field.value.trim()].length;
  const limit = Number(field.dataset.limit);
  const counter = field.parentElement.querySelector(".counter");
  counter.textContent = inWords({ used, limit });
  counter.classList.toggle("counter--over", used > limit);
  return { used, limit };
}

function spoken({ used, limit }) {
  if (used > limit) return inWords({ used, limit });
  return used >= NEAR * limit ? say(status.dataset.left, { left: limit - used }) : "";
}

for (const field of document.querySelectorAll("[data-limit]")) {
  count(field);
  field.addEventListener("input", () => {
    const counted = count(field);
    clearTimeout(rest);
    rest = setTimeout(() => {
      const words = spoken(counted);
      if (status.textContent !== words) status.textContent = words;
    }, REST);
  });
}

// A page that comes back from the browser's memory, or whose fields the browser filled.
addEventListener("pageshow", () => document.querySelectorAll("[data-limit]").forEach(count));
